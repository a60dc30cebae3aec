#include "tests/edge/h2_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"

namespace wxident {
namespace {

std::string TextOf(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

int H2Answer::status() const {
  const auto found = fields.find("grpc-status");
  int out = -1;
  return found != fields.end() && absl::SimpleAtoi(found->second, &out) ? out
                                                                        : -1;
}

struct H2Client::Callbacks {
  static H2Client& Self(void* data) { return *static_cast<H2Client*>(data); }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                      const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t,
                      void* data) {
    Self(data)
        .calls_[frame->hd.stream_id]
        .answer.fields[TextOf(name, name_size)] = TextOf(value, value_size);
    return 0;
  }
  static int OnData(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes,
                    size_t size, void* data) {
    H2Answer& answer = Self(data).calls_[id].answer;
    answer.body += TextOf(bytes, size);
    while (answer.body.size() >= 5) {
      size_t length = 0;
      for (int i = 1; i < 5; ++i)
        length = length << 8 | static_cast<uint8_t>(answer.body[i]);
      if (answer.body.size() < 5 + length) break;
      answer.messages.push_back(answer.body.substr(5, length));
      answer.body.erase(0, 5 + length);
    }
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    H2Client& self = Self(data);
    if (frame->hd.type == NGHTTP2_GOAWAY)
      self.goaways_.emplace_back(frame->goaway.last_stream_id,
                                 frame->goaway.error_code);
    if (frame->hd.type == NGHTTP2_PING &&
        (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
      ++self.pings_;
    return 0;
  }
  static int OnClose(nghttp2_session*, int32_t id, uint32_t code, void* data) {
    Self(data).calls_[id].answer.closed = true;
    Self(data).calls_[id].answer.code = code;
    return 0;
  }
  static ssize_t ReadBody(nghttp2_session*, int32_t id, uint8_t* to,
                          size_t size, uint32_t* flags, nghttp2_data_source*,
                          void* data) {
    State& call = Self(data).calls_[id];
    const size_t count = std::min(size, call.body.size());
    std::copy_n(call.body.begin(), count, to);
    call.body.erase(0, count);
    if (call.body.empty() && call.ends)
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (count == 0)
      return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(count);
  }
};

H2Client::H2Client(uint32_t window) {
  nghttp2_session_callbacks* callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks,
                                                   Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                            Callbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                         Callbacks::OnClose);
  nghttp2_option* option;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, window != kUsualWindow);
  nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 1);
}

H2Client::~H2Client() { nghttp2_session_del(session_); }

std::string H2Client::TakeOutput() {
  std::string out;
  const uint8_t* bytes = nullptr;
  for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;)
    out += TextOf(bytes, static_cast<size_t>(size));
  return out;
}

bool H2Client::Feed(absl::string_view bytes) {
  return nghttp2_session_mem_recv(
             session_, reinterpret_cast<const uint8_t*>(bytes.data()),
             bytes.size()) == static_cast<ssize_t>(bytes.size());
}

int32_t H2Client::Call(const std::string& path, const std::string& body,
                       bool ends, const Fields& more) {
  Fields fields = {{":method", "POST"},
                   {":scheme", "http"},
                   {":path", path},
                   {":authority", "localhost"},
                   {"content-type", "application/grpc"},
                   {"te", "trailers"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return Request(fields, body, ends);
}

int32_t H2Client::Request(const Fields& fields, const std::string& body,
                          bool ends) {
  std::vector<nghttp2_nv> all;
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  for (const auto& [name, value] : fields)
    all.push_back({bytes(name), bytes(value), name.size(), value.size(),
                   NGHTTP2_NV_FLAG_NONE});
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::ReadBody;
  const int32_t id = nghttp2_submit_request(
      session_, nullptr, all.data(), all.size(),
      ends && body.empty() ? nullptr : &provider, nullptr);
  calls_[id].body = body;
  calls_[id].ends = ends;
  return id;
}

void H2Client::Send(int32_t id, const std::string& body, bool ends) {
  calls_[id].body += body;
  calls_[id].ends = ends;
  nghttp2_session_resume_data(session_, id);
}

void H2Client::Reset(int32_t id) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
}

H2Answer H2Client::TakeAnswer(int32_t id) {
  H2Answer answer = std::move(calls_[id].answer);
  calls_.erase(id);
  return answer;
}

void H2Client::Widen(int32_t id, int32_t bytes) {
  nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, id, bytes);
}

}  // namespace wxident
