#ifndef WXIDENT_SERVER_EDGE_WIRE_H_
#define WXIDENT_SERVER_EDGE_WIRE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wxident {

// The small forms of gRPC's protocol over HTTP/2.

// grpc-timeout: one to eight digits and a unit of H, M, S, m, u, n. nullopt for
// anything else.
std::optional<absl::Duration> ParseGrpcTimeout(absl::string_view text);

// grpc-message: bytes outside of ' ' to '~', and '%', become %XX.
std::string PercentEncode(absl::string_view text);

// The value of a field whose name ends in "-bin": base64, with padding or
// without. nullopt for anything else.
std::optional<std::string> DecodeBinaryField(absl::string_view text);
// Without padding.
std::string EncodeBinaryField(absl::string_view bytes);

// Whether a content-type is gRPC's: application/grpc, and perhaps a form of
// messages ("+proto") or parameters after it.
bool IsGrpcContentType(absl::string_view text);

// The five bytes before a message that is not compressed.
void AppendMessagePrefix(size_t message_size, std::string& out);

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_WIRE_H_
