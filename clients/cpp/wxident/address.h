#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_ADDRESS_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_ADDRESS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace wxident::client {

struct HostPort {
  // Without brackets.
  std::string host;
  std::string port;
};

// Of "host:port", several by comma, or "dns:///name:port". kInvalidArgument
// names the option.
absl::StatusOr<std::vector<HostPort>> ParseAddress(const std::string& address);

// What gRPC connects to. One host is left to gRPC to look up; several are
// looked up here, which may take its time, and fail with kInvalidArgument.
absl::StatusOr<std::string> TargetOf(const std::vector<HostPort>& addresses);

// Whether a host is of 127.0.0.0/8, ::1 or localhost.
bool IsLoopback(const std::string& host);

// The refusal of an option, with its variable.
absl::Status Refused(const std::string& option, const std::string& variable,
                     const std::string& what);

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_ADDRESS_H_
