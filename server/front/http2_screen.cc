#include "server/front/http2_screen.h"

#include <algorithm>

namespace wxident {
namespace {

// RFC 9113, 6.
enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kGoaway = 7,
  kContinuation = 9,
};
constexpr uint8_t kEndStream = 0x1;  // of DATA and HEADERS
constexpr uint8_t kAck = 0x1;        // of SETTINGS
constexpr uint8_t kPadded = 0x8;

// A message in so few bytes, of several that make one.
constexpr uint32_t kTinyData = 64;

// Whether the server resets streams with this code for what their client has
// done (RFC 9113, 7). It is not when a call is over that the client need not
// finish (NO_ERROR), when the server gives it up (CANCEL), or when it cannot
// take it (REFUSED_STREAM).
bool IsClientsFault(uint32_t code) {
  return code != 0 && code != 8 && code != 7;
}

}  // namespace

size_t Http2FrameReader::Wanted() const {
  if (have_ < kHeader) return kHeader;
  return kHeader + std::min<size_t>(Frame().length, kHead);
}

Http2Frame Http2FrameReader::Frame() const {
  Http2Frame out;
  out.length =
      static_cast<uint32_t>(start_[0]) << 16 | start_[1] << 8 | start_[2];
  out.type = start_[3];
  out.flags = start_[4];
  for (size_t i = 5; i < kHeader; ++i) out.stream = out.stream << 8 | start_[i];
  out.stream &= 0x7fffffff;
  for (size_t i = kHeader; i < have_; ++i) out.head = out.head << 8 | start_[i];
  return out;
}

void Http2FrameReader::Read(absl::string_view bytes,
                            absl::FunctionRef<bool(const Http2Frame&)> found) {
  while (true) {
    const size_t skip = std::min<size_t>(rest_, bytes.size());
    bytes.remove_prefix(skip);
    rest_ -= static_cast<uint32_t>(skip);
    while (have_ < Wanted() && !bytes.empty()) {
      const size_t take = std::min(Wanted() - have_, bytes.size());
      std::copy_n(bytes.begin(), take, start_.begin() + have_);
      have_ += take;
      bytes.remove_prefix(take);
    }
    if (rest_ > 0 || have_ < kHeader || have_ < Wanted()) return;
    const Http2Frame frame = Frame();
    rest_ = frame.length - static_cast<uint32_t>(have_ - kHeader);
    have_ = 0;
    if (!found(frame)) return;
  }
}

absl::string_view Http2Screen::OnClient(absl::string_view bytes,
                                        absl::Duration now) {
  client_at_ = now;
  if (!greeted()) {
    const absl::string_view due =
        kGreeting.substr(greeted_, std::min(bytes.size(), kGreeting.size()));
    const absl::string_view said = bytes.substr(0, due.size());
    if (said != due) return "preface";
    greeted_ += said.size();
    bytes.remove_prefix(said.size());
  }
  absl::string_view wrong;
  client_.Read(bytes, [&](const Http2Frame& frame) {
    wrong = OnClientFrame(frame, now);
    return wrong.empty();
  });
  return wrong;
}

absl::string_view Http2Screen::OnServer(absl::string_view bytes,
                                        absl::Duration now) {
  absl::string_view wrong;
  server_.Read(bytes, [&](const Http2Frame& frame) {
    wrong = OnServerFrame(frame, now);
    return wrong.empty();
  });
  return wrong;
}

void Http2Screen::OnServerEnd(absl::Duration now) {
  if (useful_ && !goodbye_ && now - client_at_ < kSilence) --ip_.useful;
}

absl::string_view Http2Screen::OnTime(absl::Duration now) {
  if (unacknowledged_ > 0 && now - unacknowledged_since_ > kSettingsTime)
    return "settings";
  if (unfinished_ == 0) return "";
  for (const auto& [id, stream] : streams_)
    if (!stream.finished && !stream.answered &&
        now - stream.opened > kRequestTime)
      return "slow";
  return "";
}

absl::string_view Http2Screen::OnClientFrame(const Http2Frame& frame,
                                             absl::Duration now) {
  switch (frame.type) {
    case kData:
      return OnData(frame, now);
    case kHeaders:
      return OnHeaders(frame, now);
    case kContinuation:
      return OnContinuation(frame, now);
    case kRstStream:
      return OnReset(frame, now);
    case kSettings:
      if ((frame.flags & kAck) != 0 && unacknowledged_ > 0) {
        settled_ = true;
        --unacknowledged_;
        unacknowledged_since_ = now;
        return "";
      }
      break;
    default:
      break;
  }
  return SpendFrame(now);
}

absl::string_view Http2Screen::OnData(const Http2Frame& frame,
                                      absl::Duration now) {
  const auto found = streams_.find(frame.stream);
  // Of one that we have just ended, there may be more on the way.
  if (found == streams_.end()) return SpendFrame(now);
  Stream& stream = found->second;
  if (stream.finished) return "protocol";
  stream.bytes += frame.length;
  unfinished_bytes_ += frame.length;
  const bool ends = (frame.flags & kEndStream) != 0;
  if (ends) Finish(stream);
  if (unfinished_bytes_ > kMaxUnfinishedBytes) return "bytes";
  return (frame.length < kTinyData && !ends) || (frame.flags & kPadded) != 0
             ? SpendFrame(now)
             : "";
}

absl::string_view Http2Screen::OnHeaders(const Http2Frame& frame,
                                         absl::Duration now) {
  block_bytes_ = frame.length;
  continuations_ = 0;
  if (block_bytes_ > kMaxHeaderBlock) return "headers";
  absl::string_view wrong;
  if (frame.stream > last_stream_ && frame.stream % 2 == 1)
    wrong = Open(frame.stream, now);
  else
    wrong = SpendFrame(now);
  if (!wrong.empty()) return wrong;
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) return "";
  if (found->second.finished) return "protocol";
  if ((frame.flags & kEndStream) != 0) Finish(found->second);
  return "";
}

absl::string_view Http2Screen::OnContinuation(const Http2Frame& frame,
                                              absl::Duration now) {
  block_bytes_ += frame.length;
  if (block_bytes_ > kMaxHeaderBlock || ++continuations_ > kMaxContinuations)
    return "headers";
  return SpendFrame(now);
}

absl::string_view Http2Screen::OnReset(const Http2Frame& frame,
                                       absl::Duration now) {
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) return SpendFrame(now);
  const bool wasted =
      !found->second.answered && now - found->second.opened < kChance;
  Erase(found);
  return wasted && !resets_.SpendOne(now) ? "resets" : "";
}

absl::string_view Http2Screen::OnServerFrame(const Http2Frame& frame,
                                             absl::Duration now) {
  if (frame.type == kSettings && (frame.flags & kAck) == 0) {
    if (unacknowledged_++ == 0) unacknowledged_since_ = now;
    return "";
  }
  if (frame.type == kGoaway) goodbye_ = true;
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) return "";
  if (frame.type == kRstStream) {
    Erase(found);
    return IsClientsFault(frame.head) && !resets_.SpendOne(now) ? "resets" : "";
  }
  if (frame.type != kData && frame.type != kHeaders) return "";
  found->second.answered = true;
  if (frame.type == kData) frames_.Earn(kFramesOfAMessage);
  if ((frame.flags & kEndStream) != 0) {
    Erase(found);
    if (!useful_) ++ip_.useful;
    useful_ = true;
    resets_.Earn(1);
    frames_.Earn(kFramesOfACall);
  }
  return "";
}

absl::string_view Http2Screen::Open(uint32_t id, absl::Duration now) {
  last_stream_ = id;
  if (streams_.size() >= (settled_ ? kMaxStreams : kMaxStreamsAtFirst))
    return "streams";
  streams_[id].opened = now;
  ++unfinished_;
  return ++ip_.unfinished > kMaxUnfinishedOfAnIp ? "streams" : "";
}

absl::string_view Http2Screen::SpendFrame(absl::Duration now) {
  return frames_.SpendOne(now) ? "" : "frames";
}

void Http2Screen::Finish(Stream& stream) {
  if (stream.finished) return;
  stream.finished = true;
  --unfinished_;
  --ip_.unfinished;
  unfinished_bytes_ -= stream.bytes;
}

void Http2Screen::Erase(Streams::iterator found) {
  Finish(found->second);
  streams_.erase(found);
}

}  // namespace wxident
