#include "server/app/grpc_listener.h"

#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/app/call_counter.h"

namespace wxident {
namespace {

// Every request here is small; a larger one is refused before it is buffered.
constexpr int kMaxMessageBytes = 64 * 1024;
constexpr int kMaxMetadataBytes = 8 * 1024;
constexpr int kMaxStreamsPerConnection = 256;
// An acceptor of gRPC's takes one connection at a time, and is busy with it for
// as long as the peer does not pause: until the guard cuts it, if it never
// does. While so many peers do that, others wait for the moment.
constexpr int kAcceptors = 8;

// Bounds for peers that misbehave, found by attacking gRPC 1.51: a gzip bomb of
// 1 MB takes 1.1 GB where compression is on, a silent TLS peer stays for 120 s,
// and pings are answered for ever, unless told otherwise.
void Harden(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxStreamsPerConnection);
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
  builder.AddChannelArgument(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
                             1 << GRPC_COMPRESS_NONE);
  // What has been read is worked off even when its connection is cut.
  builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, 8 * 1024);
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
  absl::StatusOr<std::unique_ptr<AcceptLoop>> accept_loop =
      AcceptLoop::Listen(options.addr, metrics);
  if (!accept_loop.ok()) return accept_loop.status();
  listener->accept_loop_ = *std::move(accept_loop);
  listener->health_names_ = std::move(options.health_names);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  Harden(builder);
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(
      std::make_unique<CallCounter>(listener->accept_loop_->guard()));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  for (grpc::Service* service : options.services)
    builder.RegisterService(service);
  for (int i = 0; i < kAcceptors; ++i)
    listener->acceptors_.push_back(
        builder.experimental().AddExternalConnectionAcceptor(
            grpc::ServerBuilder::experimental_type::ExternalConnectionType::
                FROM_FD,
            options.credentials));
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr)
    return absl::UnavailableError(
        absl::StrCat("gRPC cannot serve on ", options.addr,
                     "; check the TLS files if there are any"));
  listener->SetServing(false);
  std::vector<FdHandover::Taker> takers;
  for (const auto& acceptor : listener->acceptors_)
    takers.push_back([acceptor = acceptor.get()](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
          connection;
      connection.fd = fd;
      acceptor->HandleNewConnection(&connection);
    });
  listener->accept_loop_->Run(std::move(takers));
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
  accept_loop_->StopAccepting();
  server_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoMicroseconds(timeout));
  server_.reset();
  // Last: calls were counted in it.
  accept_loop_.reset();
}

}  // namespace wxident
