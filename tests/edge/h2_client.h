#ifndef WXIDENT_TESTS_EDGE_H2_CLIENT_H_
#define WXIDENT_TESTS_EDGE_H2_CLIENT_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// What came back of one call.
struct H2Answer {
  // Of the head and of the trailers, as they came.
  std::map<std::string, std::string> fields;
  // Messages, without gRPC's prefix.
  std::vector<std::string> messages;
  std::string body;
  // Whether the stream is over, and with which code of HTTP/2's.
  bool closed = false;
  uint32_t code = 0;

  // "grpc-status", or -1.
  int status() const;
};

// A client that keeps to HTTP/2's rules, without a socket: bytes in, bytes out.
class H2Client {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  static constexpr uint32_t kUsualWindow = 65'535;

  // `window` is of its streams. If it is another than the usual one, the test
  // widens it.
  explicit H2Client(uint32_t window = kUsualWindow);
  ~H2Client();
  H2Client(const H2Client&) = delete;
  H2Client& operator=(const H2Client&) = delete;

  // What is to be sent to the server.
  std::string TakeOutput();
  // False when the server has broken a rule.
  bool Feed(absl::string_view bytes);

  // A call of gRPC's: "content-type" and "te" are there, and `more` with them.
  // `body` is sent as it is; `ends` ends the request.
  int32_t Call(const std::string& path, const std::string& body,
               bool ends = true, const Fields& more = {});
  // With no fields but these.
  int32_t Request(const Fields& fields, const std::string& body, bool ends);
  // More of a request that has not ended.
  void Send(int32_t id, const std::string& body, bool ends);
  void Reset(int32_t id);
  // The server may send so much more of it.
  void Widen(int32_t id, int32_t bytes);

  // Of a call that was made.
  const H2Answer& answer(int32_t id) { return calls_[id].answer; }
  // The same, which is forgotten here.
  H2Answer TakeAnswer(int32_t id);
  // last_stream_id and code of each GOAWAY that came.
  const std::vector<std::pair<int32_t, uint32_t>>& goaways() const {
    return goaways_;
  }
  int pings() const { return pings_; }

 private:
  struct Callbacks;
  friend struct Callbacks;
  struct State {
    H2Answer answer;
    std::string body;
    bool ends = false;
  };

  nghttp2_session* session_ = nullptr;
  std::map<int32_t, State> calls_;
  std::vector<std::pair<int32_t, uint32_t>> goaways_;
  int pings_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_H2_CLIENT_H_
