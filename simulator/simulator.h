#ifndef WXIDENT_SIMULATOR_SIMULATOR_H_
#define WXIDENT_SIMULATOR_SIMULATOR_H_

#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "simulator/config.h"
#include "simulator/control.h"
#include "simulator/http.h"

namespace wxident::simulator {

// The simulated api.weixin.qq.com with its control API, without the network:
// HTTP requests in, replies out. It never waits and starts no thread; the HTTP
// server keeps the delays that it asks for. Not thread-safe.
class Simulator {
 public:
  // `clock` must outlive this.
  Simulator(Config config, Clock& clock);

  // One call under way, between Begin and Finish or Abandon.
  struct Call {
    HttpRequest request;
    // To be waited before Finish.
    absl::Duration wait;

    std::shared_ptr<const FaultRule> fault;
    uint64_t journal_seq = 0;
    uint64_t epoch = 0;
  };

  // A request has arrived: journals it and settles which fault befalls it.
  Call Begin(HttpRequest request);

  // Does what the request asks and says what to send.
  HttpReply Finish(Call call);

  // The client left before Finish: nothing is done.
  void Abandon(const Call& call);

 private:
  HttpReply AnswerApi(const Call& call, Journal::Entry& entry);
  HttpReply NormalAnswer(const Call& call, Journal::Entry& entry);
  HttpReply AnswerPage(const HttpRequest& request, Journal::Entry& entry);

  // A POST that tells no Content-Length.
  bool Refuses(const HttpRequest& request) const;
  // The JSON of an error, whose rid can be looked up from now on.
  Json ErrorBody(const HttpRequest& request, const std::string& app_id,
                 const Json& errcode, absl::string_view text);
  std::string AppOf(const HttpRequest& request) const;
  const std::string& ContentType(absl::string_view path) const;

  const Config config_;
  Clock& clock_;
  std::unique_ptr<State> state_;
  // Which state a call began in: after a reset its journal entry is gone.
  uint64_t epoch_ = 0;
  uint64_t rids_ = 0;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_SIMULATOR_H_
