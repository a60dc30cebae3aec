#include "server/app/grpc_listener.h"

#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/front/http2_screen.h"

namespace wxident {
namespace {

// Every request here is small; a larger one is refused before it is buffered.
constexpr int kMaxMessageBytes = 64 * 1024;
constexpr int kMaxMetadataBytes = 8 * 1024;

// Bounds for peers that misbehave, found by attacking gRPC 1.51: a gzip bomb of
// 1 MB takes 1.1 GB where compression is on, a silent TLS peer stays for 120 s,
// and pings are answered for ever, unless told otherwise.
void Harden(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(Http2Screen::kMaxStreams));
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
  builder.AddChannelArgument(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
                             1 << GRPC_COMPRESS_NONE);
  builder.AddChannelArgument("grpc.server_handshake_timeout_ms", 3000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 300'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 600'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 30'000);
}

}  // namespace

absl::Status GrpcListener::EnableReflection() {
  // The library turns reflection on for the whole process by being loaded, so
  // it is not linked but loaded when asked for.
  if (dlopen("libgrpc++_reflection.so.1.51", RTLD_NOW | RTLD_GLOBAL) == nullptr)
    return absl::UnavailableError(absl::StrCat("grpc.reflection: ", dlerror()));
  return absl::OkStatus();
}

void GrpcListener::EnableChannelz() {
  grpc::channelz::experimental::InitChannelzService();
}

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Start(
    Options options, Metrics& metrics) {
  std::unique_ptr<GrpcListener> listener(new GrpcListener);
  WX_ASSIGN_OR_RETURN(listener->front_,
                      Front::Listen(std::move(options.front), metrics));
  listener->health_names_ = std::move(options.health_names);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  Harden(builder);
  for (grpc::Service* service : options.services)
    builder.RegisterService(service);
  // Plain text: TLS ends in the front.
  listener->acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr)
    return absl::UnavailableError(
        absl::StrCat("gRPC cannot serve on ", listener->addr()));
  listener->SetServing(false);
  listener->front_->Run([acceptor = listener->acceptor_.get()](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
        connection;
    connection.fd = fd;
    acceptor->HandleNewConnection(&connection);
  });
  return listener;
}

GrpcListener::~GrpcListener() { Stop(absl::ZeroDuration()); }

void GrpcListener::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus(serving);
  health->SetServingStatus("", serving);
  for (const std::string& name : health_names_)
    health->SetServingStatus(name, serving);
}

void GrpcListener::Stop(absl::Duration timeout) {
  if (server_ == nullptr) return;
  // A connection that came now would only be closed.
  front_->StopAccepting();
  server_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoMicroseconds(timeout));
  server_.reset();
  front_.reset();
}

}  // namespace wxident
