#ifndef WXIDENT_TESTS_HOSTILE_ATTACKS_H_
#define WXIDENT_TESTS_HOSTILE_ATTACKS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/hostile/raw_tls.h"
#include "tests/tls/test_ca.h"

namespace wxident {

// What an attacker needs for TLS.
struct AttackersTls {
  // The CA that the server takes callers of. Nobody has its key who is not
  // trusted; what is bad beside its signature is made with it.
  TestCertificate callers_ca;
  TestCertificate certificate;
  // With that certificate.
  TlsManner manner{{.shown = &certificate}};
};

// Whom to attack, and from where.
struct Target {
  // host:port.
  std::string addr;
  // A loopback address, "127.0.0.9": to the server another host.
  std::string source;
  // nullptr: the server speaks plain text.
  std::shared_ptr<const AttackersTls> tls;
  // Of the metrics, where they are served.
  std::string http_addr;

  const TlsManner* manner() const {
    return tls == nullptr ? nullptr : &tls->manner;
  }
};

// What a server did about an attack.
struct Outcome {
  // Connections that it took and that it ended while the attack went on.
  int connections = 0;
  int closed = 0;
  // All that they heard.
  std::string heard;

  // Whether that has the begin of an answer, which HPACK may write in many
  // ways.
  bool HasAnswer() const;
};

// One way to be a nuisance.
struct Attack {
  // By which event of its log, and which metric, the server tells of it.
  enum class Told {
    // It is no fault: it is served, or answered by an error.
    kNot,
    // "connection cut", wxident_connections_cut_total.
    kCut,
    // "no connection came about", wxident_handshake_failures_total.
    kNoConnection,
    // "connection refused", wxident_connections_refused_total.
    kRefused,
    // "caller limited", wxident_caller_limited_total.
    kLimited,
  };

  std::string name;
  absl::Duration time;
  // Goes on until `end`.
  Outcome (*run)(const Target& target, absl::Time end);
  Told told = Told::kNot;
  // As told, from its beginning.
  std::string why = "";
  // Whether an answer is due.
  bool answered = false;
};

// Over HTTP/2: of streams and calls; of frames and HPACK; of requests; of
// connections; of answers that are not taken.
std::vector<Attack> StreamAttacks();
std::vector<Attack> FrameAttacks();
std::vector<Attack> RequestAttacks();
std::vector<Attack> ConnectionAttacks();
std::vector<Attack> AnswerAttacks();
// By TLS: of handshakes; of records.
std::vector<Attack> HandshakeAttacks();
std::vector<Attack> RecordAttacks();
// By wxident's own methods and ports.
std::vector<Attack> ServiceAttacks();

// For logs.
void PrintTo(const Attack& attack, std::ostream* out);

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_ATTACKS_H_
