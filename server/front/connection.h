#ifndef WXIDENT_SERVER_FRONT_CONNECTION_H_
#define WXIDENT_SERVER_FRONT_CONNECTION_H_

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/crypto/tls_server.h"
#include "server/front/http2_screen.h"

namespace wxident {

// One client's connection and the socket by which gRPC has it: decrypts what
// the client sends, screens it, passes it on, and the other way round. Nothing
// here blocks: whoever owns it calls Work when one of the descriptors is ready.
// One thread at a time.
class Connection {
 public:
  // A client has so long to say the first words of HTTP/2, TLS included.
  static constexpr absl::Duration kGreetingTime = absl::Seconds(3);
  // What gRPC said last is given so long to arrive.
  static constexpr absl::Duration kLingerTime = absl::Seconds(1);

  // A piece of what is passed on, of whoever calls Work.
  using Scratch = std::array<char, 16 << 10>;

  enum class Next {
    // Call Work when a descriptor is ready.
    kWait,
    // Call Work soon: there is more to do than one connection does in a row.
    kAgain,
    // The client has begun: Open is due, then Work again.
    kOpen,
    // It is over.
    kDestroy,
  };

  // Whose socket is ready.
  enum class Side { kClient, kServer, kBoth };

  // `fd` becomes its own; it does not block. `tls` is of that fd, or nullptr.
  Connection(int fd, std::string ip, int port, std::unique_ptr<TlsStream> tls,
             std::shared_ptr<IpCounts> ip_counts, absl::Duration now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Gives the other end of a new socket to `take`, which owns it then and will
  // see the peer that `peer_name` tells. False when there are no descriptors.
  bool Open(const std::function<void(int fd)>& take);

  // `hangup` says that the end of that socket is in sight.
  Next Work(Side ready, bool hangup, Scratch& scratch, absl::Duration now);
  // To be called each second or sooner.
  Next OnTime(absl::Duration now);

  int fd() const { return fd_; }
  // -1 until Open. To be watched for room to write only while there is
  // something to be written: gRPC makes room each time that it reads.
  int inner_fd() const { return inner_fd_; }
  bool waits_for_inner() const { return !up_.empty(); }
  const std::string& ip() const { return ip_; }
  int port() const { return port_; }
  // What gRPC calls the peer, unlike that of every other connection of the
  // process: "unix-abstract:wxident-17-4". Empty until Open.
  const std::string& peer_name() const { return peer_name_; }
  // PEM; empty without TLS.
  std::string PeerCertificates() const;

  // Why the client was cut off, see Http2Screen; "tls" for what TlsGuard has
  // found; or "".
  absl::string_view cut() const { return cut_; }
  // Why it never came to HTTP/2, if so.
  const std::string& failure() const { return failure_; }

 private:
  enum class Stage { kHandshake, kGreeting, kRelaying, kLingering, kClosing };

  Next Greet(Scratch& scratch, absl::Duration now);
  Next Relay(Side ready, Scratch& scratch, absl::Duration now);
  // Pass on what is there. Whether there is more to be done at once.
  bool PumpUp(Scratch& scratch, absl::Duration now);
  bool PumpDown(Scratch& scratch, absl::Duration now);
  // gRPC has ended; what it said last has been passed on.
  void Linger(absl::Duration now);
  // The client is gone, or is to be; gRPC has to notice.
  void CloseClient(absl::string_view cut);
  Next Fail(std::string failure);
  // Whether nothing is left that waits.
  bool FlushUp();
  bool FlushDown();
  ssize_t ReadClient(Scratch& scratch);
  ssize_t WriteClient(absl::string_view bytes);

  Stage stage_;
  int fd_;
  int inner_fd_ = -1;
  const std::string ip_;
  const int port_;
  std::string peer_name_;
  const std::unique_ptr<TlsStream> tls_;
  // Keeps what screen_ counts in.
  const std::shared_ptr<IpCounts> ip_counts_;
  Http2Screen screen_;
  // Read and screened, and not yet taken by the other side.
  std::string up_;
  std::string down_;
  // A socket that has less to give than was asked for need not be asked again,
  // unless this is its end.
  bool client_hangup_ = false;
  bool server_hangup_ = false;
  absl::Duration give_up_at_;
  absl::string_view cut_;
  std::string failure_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_FRONT_CONNECTION_H_
