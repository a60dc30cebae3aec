#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_ADDRESS_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_ADDRESS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace wxident::client {

// What gRPC connects to.
struct Target {
  std::string uri;
  // As they were written, without brackets.
  std::vector<std::string> hosts;
};

// Of "host:port", several by comma, or "dns:///name:port". Several are looked
// up in DNS, which may take its time. kInvalidArgument names the option.
absl::StatusOr<Target> ParseAddress(const std::string& address);

// Whether a host is of 127.0.0.0/8, ::1 or localhost.
bool IsLoopback(const std::string& host);

// The refusal of an option, with its variable.
absl::Status Refused(const std::string& option, const std::string& variable,
                     const std::string& what);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_ADDRESS_H_
