#ifndef WXIDENT_SERVER_APP_GRPC_LOG_H_
#define WXIDENT_SERVER_APP_GRPC_LOG_H_

namespace wxident {

// Writes what the gRPC library logs, failed handshakes above all, as lines of
// our log. From one place in its source at most one line a second: peers cause
// them. To be called before the library is used.
void TakeGrpcLog();

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_GRPC_LOG_H_
