#ifndef WXIDENT_SERVER_HTTP_CURL_QUEUE_H_
#define WXIDENT_SERVER_HTTP_CURL_QUEUE_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/http/curl_transfer.h"
#include "server/http/shares.h"

namespace wxident {

using TransferPtr = std::unique_ptr<CurlTransfer>;

// One host's requests that wait for a connection. They are served in the order
// in which they came, but that endpoints share the connections (shares.h).
// Part of CurlHttpClient; its thread alone uses it.
class CurlQueue {
 public:
  explicit CurlQueue(int max_connections) : connections_(max_connections) {}

  void Add(TransferPtr transfer);
  // To be served before what came later.
  void AddAgain(TransferPtr transfer);

  // The next one to run, whose endpoint then holds a connection until Ended;
  // nullptr when none may.
  TransferPtr Next();
  void Ended(const CurlTransfer& transfer);

  // Takes out what is past its deadline, to `expired`; `earliest` becomes the
  // rest's earliest deadline if that is earlier.
  void TakeExpired(Clock& clock, std::vector<TransferPtr>& expired,
                   std::optional<Deadline>& earliest);
  // Takes out all that waits.
  void TakeAll(std::vector<TransferPtr>& all);

  // What became of the endpoint's last request, "ok" before the first.
  std::string& LastOutcome(const std::string& endpoint);

 private:
  struct Lane {
    std::deque<TransferPtr> waiting;
    std::string outcome = "ok";
  };

  Shares connections_;
  // By endpoint.
  std::map<std::string, Lane> lanes_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_CURL_QUEUE_H_
