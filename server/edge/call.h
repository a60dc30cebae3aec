#ifndef WXIDENT_SERVER_EDGE_CALL_H_
#define WXIDENT_SERVER_EDGE_CALL_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/tls/certificates.h"

namespace wxident {

// Names in lower case; the values of names that end in "-bin" are bytes.
using MetadataFields = std::vector<std::pair<std::string, std::string>>;

// Who is at the other end of a connection. Immutable.
struct EdgePeer {
  std::string ip;
  int port = 0;
  // The IP of the balancer that has passed the connection on and told the
  // above, see ProxyHeader; or "".
  std::string balancer;
  // Its own, and each that vouches for the one before up to one of our CAs, as
  // TLS has verified them; empty without TLS.
  std::vector<Certificate> certificates;
};

// How a call ends.
struct CallStatus {
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;
  // A google.rpc.Status in its binary form; may be empty.
  std::string details;
  MetadataFields trailers;
};

// One call, as its handler has it. Its handler must call Finish or Reply once,
// also after OnCancel; until then the call lives, and after it nothing of the
// call may be touched.
//
// All of the answer's functions may be called on any thread, one at a time, and
// their effects come in the order of the calls. On the loop's thread, which
// calls the handler, they take no lock.
class Call {
 public:
  // "/package.Service/Method".
  virtual const std::string& path() const = 0;
  // Without what is HTTP's and gRPC's own.
  virtual const MetadataFields& metadata() const = 0;
  virtual const EdgePeer& peer() const = 0;
  // On Clock::Monotonic(); InfiniteDuration when the client has set none. The
  // client hears DEADLINE_EXCEEDED then, whatever the handler does.
  virtual absl::Duration deadline() const = 0;
  // Whether nobody waits for the answer any more. Thread-safe.
  virtual bool cancelled() const = 0;

  // Before the first Write, Finish or Reply.
  virtual void AddInitialMetadata(absl::string_view name,
                                  absl::string_view value) = 0;
  // Sends one message. Whoever sends many waits for OnWritten before the next:
  // what waits is kept in memory.
  virtual void Write(std::string message) = 0;
  virtual void Finish(CallStatus status) = 0;
  // Write and Finish with OK.
  virtual void Reply(std::string message) = 0;

 protected:
  ~Call() = default;
};

// What happens to one call. The loop's thread calls all of it, and destroys it
// some time after the call has been finished.
class CallHandler {
 public:
  virtual ~CallHandler() = default;

  // A message from the client, which is gone when this returns. Methods that
  // take one message get exactly one.
  virtual void OnMessage(absl::string_view message) = 0;
  // The client sends no more.
  virtual void OnHalfClose() {}
  // What was written has gone to the client as far as its flow control goes.
  virtual void OnWritten() {}
  // The connection is to end once its calls have: one that would run for ever
  // ends now. Called once at most, and not after Finish.
  virtual void OnDrain() {}
  // The client has given up or gone, or its deadline has passed: nothing that
  // is sent arrives. Called once at most, and not after Finish.
  virtual void OnCancel() {}
};

struct EdgeMethod {
  // Makes a call's handler, which may finish the call in each of its functions,
  // but not here. `call` outlives the handler's last call.
  std::function<std::unique_ptr<CallHandler>(Call& call)> start;
  // Whether the client sends many messages, rather than exactly one.
  bool takes_stream = false;
};

// How a call ends for whose path there is no method. On the loop's thread.
using NoSuchMethod = std::function<CallStatus(const Call& call)>;

// By their paths.
using EdgeMethods = absl::flat_hash_map<std::string, EdgeMethod>;

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_CALL_H_
