#ifndef WXIDENT_SERVER_RPC_REDACTED_H_
#define WXIDENT_SERVER_RPC_REDACTED_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// A message in one line for the log: the fields that are set, in the order of
// their numbers, as
//   app_id: "wx0" mini_program_code: [redacted] session_ttl { seconds: 60 }
// There is no other way for anything of a message to get there. A field with
// the option `sensitive` stands as [redacted], all of it: each element, key and
// value, and whatever a submessage has within. Unknown fields are left out.
// Texts longer than 64 bytes are cut, and so is the line at about 256 bytes,
// which is what a field of a log line holds.
std::string Redacted(const google::protobuf::Message& message);

// Logs what a call asks for, at level debug. `rpc` is the method's name without
// its service.
void LogRequest(absl::string_view rpc,
                const google::protobuf::Message& request);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_REDACTED_H_
