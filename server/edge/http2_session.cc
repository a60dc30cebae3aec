#include "server/edge/http2_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/edge/answer_fields.h"
#include "server/edge/http2_callbacks.h"

namespace wxident {
namespace {

// For a large message to come without waiting for the window.
constexpr int32_t kConnectionWindow = 1 << 20;

constexpr uint64_t kResetsBurst = 10'000;
constexpr uint64_t kResetsPerSecond = 1'000;

// Whether we reset streams with this code for what their client has done
// (RFC 9113, 7). It is not when a call is over that the client need not finish,
// when we give it up, or when we cannot take it.
bool IsClientsFault(uint32_t code) {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL &&
         code != NGHTTP2_REFUSED_STREAM;
}

const nghttp2_option* SessionOption() {
  static nghttp2_option* const option = [] {
    nghttp2_option* made;
    nghttp2_option_new(&made);
    nghttp2_option_set_no_closed_streams(made, 1);
    nghttp2_option_set_max_continuations(made, AbuseGuard::kMaxContinuations);
    // A client may give up calls that have been answered. AbuseGuard bounds
    // those that have not, long before.
    nghttp2_option_set_stream_reset_rate_limit(made, kResetsBurst,
                                               kResetsPerSecond);
    return made;
  }();
  return option;
}

}  // namespace

Http2Session::Http2Session(const Options& options, LoopCalls& calls,
                           Owner& owner, std::shared_ptr<const EdgePeer> peer,
                           std::shared_ptr<PeerShare> share)
    : options_(options),
      calls_(calls),
      owner_(owner),
      peer_(std::move(peer)),
      share_(std::move(share)),
      guard_(kMaxMessagesAtOnce * options.max_message_bytes, calls.loop.now()) {
  nghttp2_session_server_new2(&session_, Callbacks::All(), this,
                              SessionOption());
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, AbuseGuard::kMaxStreams},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RequestHead::kMaxBytes},
      // Their tree would be the client's to grow.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings,
                          std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        kConnectionWindow);
}

Http2Session::~Http2Session() {
  // A handler that hears of the end may answer, which must touch nothing here.
  for (auto& [id, stream] : std::exchange(streams_, {}))
    if (!stream->OnClosed()) static_cast<void>(stream.release());
  share_->unfinished -= shared_unfinished_;
  share_->waiting -= shared_waiting_;
  nghttp2_session_del(session_);
}

bool Http2Session::Receive(absl::string_view bytes) {
  if (violation_.empty())
    violation_ = guard_.OnReceived(bytes.size(), calls_.loop.now());
  while (!bytes.empty() && violation_.empty()) {
    const FrameScanner::Piece piece = scanner_.Next(bytes);
    if (piece.header.has_value()) violation_ = Judge(*piece.header);
    if (violation_.empty()) Understand(piece.bytes);
    greeted_ = greeted_ || (piece.header.has_value() && violation_.empty());
  }
  Share();
  return violation_.empty() || Violated(violation_, NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::Understand(absl::string_view bytes) {
  const ssize_t read = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (read >= 0 || !violation_.empty()) return;
  if (read == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
    violation_ = "preface";
  else
    violation_ = read == NGHTTP2_ERR_FLOODED ? "frames" : "protocol";
}

bool Http2Session::Produce(std::string& out, size_t most) {
  while (out.size() < most) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) return Violated("protocol", NGHTTP2_INTERNAL_ERROR);
    if (size == 0 && taken_.empty()) break;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    // They may write more, and that leaves at once, too.
    for (const int32_t id : std::exchange(taken_, {})) {
      guard_.OnMessageSent();
      if (Stream* stream = Find(id)) stream->OnBodyTaken();
    }
  }
  Share();
  return violation_.empty();
}

bool Http2Session::OnTime() {
  if (!violation_.empty()) return false;
  const absl::Duration now = calls_.loop.now();
  const absl::string_view wrong = guard_.OnTime(now);
  if (!wrong.empty()) return Violated(wrong, NGHTTP2_SETTINGS_TIMEOUT);
  if (waiting_ > 0 && now - taken_at_ > kTakingTime)
    return Violated("unread", NGHTTP2_ENHANCE_YOUR_CALM);
  if (goodbye_ == Goodbye::kBegun && now - goodbye_begun_ > kGoodbyeTime)
    FinishGoodbye();
  std::vector<Stream*> unfinished;
  for (const auto& [id, stream] : streams_)
    if (!stream->half_closed()) unfinished.push_back(stream.get());
  for (Stream* stream : unfinished) {
    stream->OnTime();
    if (!stream->answered() && now - stream->arrived() > kRequestTime)
      return Violated("slow", NGHTTP2_ENHANCE_YOUR_CALM);
  }
  return true;
}

void Http2Session::Drain() {
  if (goodbye_ != Goodbye::kNone) return;
  goodbye_ = Goodbye::kBegun;
  goodbye_begun_ = calls_.loop.now();
  // Calls that are on their way are still taken until the client, by answering
  // the ping, shows that it knows.
  nghttp2_submit_shutdown_notice(session_);
  Ping();
  for (const auto& [id, stream] : streams_) stream->OnDrain();
}

void Http2Session::Ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  owner_.OnOutput();
}

void Http2Session::FinishGoodbye() {
  goodbye_ = Goodbye::kSaid;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  owner_.OnOutput();
}

bool Http2Session::over() const {
  return nghttp2_session_want_read(session_) == 0 &&
         nghttp2_session_want_write(session_) == 0;
}

absl::string_view Http2Session::Judge(const FrameHeader& frame) {
  const absl::Duration now = calls_.loop.now();
  Stream* const stream = Find(frame.stream);
  const bool opens = frame.type == NGHTTP2_HEADERS && frame.stream % 2 == 1 &&
                     frame.stream > last_stream_;
  const bool open = stream != nullptr && (frame.type == NGHTTP2_RST_STREAM ||
                                          !stream->half_closed());
  const absl::string_view wrong =
      guard_.OnFrame({frame.type, frame.flags, frame.length, open, opens},
                     streams_.size() + (opens ? 1 : 0), now);
  if (opens) last_stream_ = frame.stream;
  if (!wrong.empty() || stream == nullptr || frame.type != NGHTTP2_RST_STREAM)
    return wrong;
  return guard_.OnReset(stream->answered(), now - stream->arrived(), now);
}

void Http2Session::OnBeginRequest(int32_t id) {
  Stream::Session* const self = this;
  auto stream = std::make_unique<Stream>(id, self, calls_, peer_,
                                         options_.max_message_bytes);
  nghttp2_session_set_stream_user_data(session_, id, stream.get());
  streams_[id] = std::move(stream);
  ++unfinished_;
}

void Http2Session::OnRequest(Stream& stream) {
  if (!HasRoom()) return stream.RefuseForRoom();
  if (share_->unfinished + unfinished_ - shared_unfinished_ >
      kMaxUnfinishedOfAnIp) {
    violation_ = "streams";
    return;
  }
  const auto found = options_.methods->find(stream.path());
  stream.OnHead(found == options_.methods->end() ? nullptr : &found->second,
                options_.no_such_method);
}

int Http2Session::OnData(Stream& stream, absl::string_view bytes) {
  const size_t before = stream.kept_bytes();
  stream.OnData(bytes);
  kept_bytes_ += stream.kept_bytes() - before;
  const absl::string_view wrong = guard_.OnUnfinished(kept_bytes_);
  if (wrong.empty()) return 0;
  violation_ = wrong;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void Http2Session::OnFrame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_PING && goodbye_ == Goodbye::kBegun &&
      (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0)
    return FinishGoodbye();
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return;
  Stream* const stream = Find(frame.hd.stream_id);
  if (stream == nullptr) return;
  if (frame.hd.type == NGHTTP2_HEADERS &&
      frame.headers.cat == NGHTTP2_HCAT_REQUEST)
    OnRequest(*stream);
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) HalfClose(*stream);
  // One that comes while we take leave is served, but not for ever.
  if (goodbye_ != Goodbye::kNone) stream->OnDrain();
}

void Http2Session::HalfClose(Stream& stream) {
  --unfinished_;
  kept_bytes_ -= stream.kept_bytes();
  stream.OnHalfClose();
}

void Http2Session::OnFrameSent(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_RST_STREAM:
      if (!IsClientsFault(frame.rst_stream.error_code)) return;
      if (const absl::string_view wrong = guard_.OnFault(calls_.loop.now());
          !wrong.empty())
        Violated(wrong, NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    case NGHTTP2_GOAWAY:
      if (frame.goaway.error_code != NGHTTP2_NO_ERROR && !client_left_ &&
          violation_.empty())
        violation_ = "protocol";
      return;
    case NGHTTP2_DATA:
      guard_.OnDataSent(frame.hd.length);
      return;
    case NGHTTP2_HEADERS:
      break;
    default:
      return;
  }
  Stream* const stream = Find(frame.hd.stream_id);
  if (stream != nullptr) stream->OnSent();
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  guard_.OnCallEnded();
  if (!std::exchange(useful_, true)) ++share_->useful;
  // It need not send the rest of its request.
  if (stream != nullptr && !stream->half_closed())
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream->id(),
                              NGHTTP2_NO_ERROR);
}

void Http2Session::OnStreamClosed(int32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  std::unique_ptr<Stream> stream = std::move(found->second);
  streams_.erase(found);
  if (!stream->half_closed()) {
    --unfinished_;
    kept_bytes_ -= stream->kept_bytes();
  }
  if (!stream->OnClosed()) static_cast<void>(stream.release());
}

void Http2Session::Begin(Stream& stream) {
  AnswerFields fields;
  if (stream.http_status() != 200)
    fields.AddHttpStatus(stream.http_status());
  else
    fields.AddHead(stream.initial_metadata());
  const bool whole = stream.status().has_value() && stream.body().empty();
  if (whole && stream.http_status() == 200) fields.AddStatus(*stream.status());
  if (whole && stream.status()->code == absl::StatusCode::kResourceExhausted)
    ++refused_;
  nghttp2_data_provider body{};
  body.source.ptr = &stream;
  body.read_callback = Callbacks::ReadBody;
  nghttp2_submit_response(session_, stream.id(), fields.data(), fields.size(),
                          whole ? nullptr : &body);
  owner_.OnOutput();
}

void Http2Session::Resume(Stream& stream) {
  nghttp2_session_resume_data(session_, stream.id());
  owner_.OnOutput();
}

ssize_t Http2Session::ReadBody(Stream& stream, uint8_t* to, size_t size,
                               uint32_t* flags) {
  const size_t count = std::min(size, stream.body().size());
  if (count > 0) {
    std::memcpy(to, stream.body().data(), count);
    stream.Take(count);
    taken_at_ = calls_.loop.now();
  }
  if (!stream.body().empty()) return static_cast<ssize_t>(count);
  if (stream.status().has_value()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    AnswerFields fields;
    fields.AddStatus(*stream.status());
    nghttp2_submit_trailer(session_, stream.id(), fields.data(), fields.size());
    return static_cast<ssize_t>(count);
  }
  if (count == 0) return NGHTTP2_ERR_DEFERRED;
  taken_.push_back(stream.id());
  return static_cast<ssize_t>(count);
}

void Http2Session::Waiting(int64_t bytes) {
  if (waiting_ == 0) taken_at_ = calls_.loop.now();
  waiting_ += bytes;
}

bool Http2Session::Violated(absl::string_view violation, uint32_t code) {
  violation_ = violation;
  nghttp2_session_terminate_session(session_, code);
  return false;
}

void Http2Session::Share() {
  if (unfinished_ != shared_unfinished_) {
    share_->unfinished += unfinished_ - shared_unfinished_;
    shared_unfinished_ = unfinished_;
  }
  // A client that takes nothing keeps whole streams here.
  const int64_t waiting =
      waiting_ == 0
          ? 0
          : waiting_ + kStreamCost * static_cast<int64_t>(streams_.size());
  if (waiting != shared_waiting_) {
    share_->waiting += waiting - shared_waiting_;
    shared_waiting_ = waiting;
  }
}

}  // namespace wxident
