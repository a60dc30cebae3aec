#include "tests/edge/edge_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "tests/edge/connect_to.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {

EdgeClient::EdgeClient(const std::string& addr, const TlsClientOptions* tls,
                       const std::string& cas, uint32_t window,
                       const std::string& before)
    : fd_(ConnectTo(addr)), open_(fd_ >= 0), h2_(window) {
  if (open_) send(fd_, before.data(), before.size(), MSG_NOSIGNAL);
  if (tls == nullptr || !open_) return;
  tls_ = std::make_unique<TlsClient>(fd_, cas, *tls);
  open_ = tls_->Handshake();
}

EdgeClient::~EdgeClient() {
  // With TLS, the descriptor is its own.
  if (tls_ == nullptr && fd_ >= 0) close(fd_);
}

bool EdgeClient::Send() {
  const std::string said = h2_.TakeOutput();
  if (said.empty() || !open_) return open_;
  open_ = tls_ != nullptr ? tls_->Write(said)
                          : send(fd_, said.data(), said.size(), MSG_NOSIGNAL) ==
                                static_cast<ssize_t>(said.size());
  return open_;
}

std::string EdgeClient::Receive() {
  constexpr size_t kMost = 16 << 10;
  if (tls_ != nullptr) return tls_->Read(kMost);
  std::string out(kMost, '\0');
  const ssize_t count = recv(fd_, out.data(), out.size(), 0);
  out.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  return out;
}

bool EdgeClient::Until(absl::FunctionRef<bool()> done,
                       absl::Duration patience) {
  const absl::Time end = absl::Now() + patience;
  while (!done()) {
    if (!Send()) return done();
    pollfd wait{fd_, POLLIN, 0};
    const int64_t left = absl::ToInt64Milliseconds(end - absl::Now());
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) != 1) return false;
    const std::string heard = Receive();
    if (heard.empty() || !h2_.Feed(heard)) open_ = false;
  }
  return true;
}

H2Answer EdgeClient::Call(const std::string& path, const std::string& message,
                          const H2Client::Fields& more) {
  const int32_t id = h2_.Call(path, Message(message), true, more);
  Until([&] { return h2_.answer(id).closed; });
  return h2_.TakeAnswer(id);
}

}  // namespace wxident
