#ifndef WXIDENT_TESTS_HTTP_FAKE_HTTP_CLIENT_H_
#define WXIDENT_TESTS_HTTP_FAKE_HTTP_CLIENT_H_

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/http/http_client.h"

namespace wxident {

// Answers requests at once, in order, with what the test has queued, and keeps
// them. With nothing queued it fails as a host that cannot be reached. Not
// thread-safe.
class FakeHttpClient final : public HttpClient {
 public:
  void Answer(int status, std::string body) {
    answers_.push_back(HttpResponse{status, std::move(body)});
  }
  void Answer(HttpResponse response) {
    answers_.push_back(std::move(response));
  }
  void Answer(std::string body) { Answer(200, std::move(body)); }
  void Fail(absl::Status error) { answers_.push_back(std::move(error)); }

  const std::vector<HttpRequest>& sent() const { return sent_; }

  // Runs before each answer; for moving clocks.
  std::function<void()> before_answer = [] {};

  void Send(HttpRequest request, Done<HttpResponse> done) override {
    sent_.push_back(std::move(request));
    before_answer();
    absl::StatusOr<HttpResponse> answer =
        MarkNothingSent(absl::UnavailableError("nothing queued"));
    if (!answers_.empty()) {
      answer = std::move(answers_.front());
      answers_.pop_front();
    }
    std::move(done)(std::move(answer));
  }

 private:
  std::deque<absl::StatusOr<HttpResponse>> answers_;
  std::vector<HttpRequest> sent_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_HTTP_FAKE_HTTP_CLIENT_H_
