#include "tests/http_server/web_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

sockaddr_in AddressOf(const std::string& ip, int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, ip.c_str(), &out.sin_addr);
  return out;
}

}  // namespace

WebClient::WebClient(int port, const std::string& source, int receive_buffer)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer > 0)
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
               sizeof(receive_buffer));
  const sockaddr_in from = AddressOf(source, 0);
  const sockaddr_in to = AddressOf("127.0.0.1", port);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0 ||
      connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    close(fd_);
    fd_ = -1;
  }
}

WebClient::~WebClient() {
  if (fd_ >= 0) close(fd_);
}

bool WebClient::Send(absl::string_view bytes) {
  return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

void WebClient::EndSending() { shutdown(fd_, SHUT_WR); }

WebClient::Answer WebClient::Read(bool has_body) {
  while (heard_.find("\r\n\r\n") == heard_.npos)
    if (!Hear()) return {};
  const size_t end = heard_.find("\r\n\r\n");
  Answer answer{.head = heard_.substr(0, end)};
  heard_.erase(0, end + 4);
  constexpr char kLength[] = "\r\ncontent-length: ";
  const size_t at = answer.head.find(kLength);
  size_t length = 0;
  if (has_body && at != answer.head.npos &&
      !absl::SimpleAtoi(absl::string_view(answer.head)
                            .substr(at + sizeof(kLength) - 1,
                                    answer.head.find("\r\n", at + 2) - at -
                                        sizeof(kLength) + 1),
                        &length))
    return {};
  while (heard_.size() < length)
    if (!Hear()) return {};
  answer.body = heard_.substr(0, length);
  heard_.erase(0, length);
  // "HTTP/1.1 200 OK"
  if (!absl::SimpleAtoi(answer.head.substr(9, 3), &answer.status)) return {};
  return answer;
}

bool WebClient::WaitForEnd() {
  while (Hear()) {
  }
  // It is over, and not only silent for too long.
  pollfd wait{fd_, POLLIN, 0};
  return poll(&wait, 1, 0) == 1;
}

bool WebClient::Hear() {
  pollfd wait{fd_, POLLIN, 0};
  if (fd_ < 0 ||
      poll(&wait, 1, static_cast<int>(absl::ToInt64Milliseconds(kPatience))) !=
          1)
    return false;
  std::array<char, 64 << 10> bytes;
  const ssize_t count = recv(fd_, bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  heard_.append(bytes.data(), static_cast<size_t>(count));
  return true;
}

}  // namespace wxident
