// Lets tests/conformance try the C++ client: one JSON request a line on stdin,
// one JSON answer a line on stdout, in any order. The same program exists for
// each language.

#include <google/protobuf/util/json_util.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_builder.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "wxident/access_token_source.h"
#include "wxident/client.h"
#include "wxident/error.h"
#include "wxident/session_authenticator.h"
#include "wxident/version.h"

namespace wxident::client {
namespace {

using Json = nlohmann::json;
using Answer = absl::StatusOr<Json>;

// Of the "call" that this thread makes.
thread_local std::string traceparent;

std::string Text(const Json& args, const char* name) {
  return args.value(name, "");
}

absl::Duration Deadline(const Json& args) {
  return absl::Milliseconds(args.value("deadline_ms", 5000));
}

template <typename Request, typename Response>
using Method = absl::StatusOr<Response> (Client::*)(const Request&,
                                                    const CallOptions&);

using Caller = std::function<Answer(Client&, const Json&, const CallOptions&)>;

template <typename Request, typename Response>
Caller Typed(Method<Request, Response> method) {
  return [method](Client& client, const Json& json,
                  const CallOptions& options) -> Answer {
    Request request;
    if (const auto parsed =
            google::protobuf::util::JsonStringToMessage(json.dump(), &request);
        !parsed.ok())
      return absl::InvalidArgumentError(parsed.ToString());
    const absl::StatusOr<Response> response =
        (client.*method)(request, options);
    if (!response.ok()) return response.status();
    google::protobuf::util::JsonPrintOptions print;
    print.preserve_proto_field_names = true;
    std::string text;
    if (const auto printed = google::protobuf::util::MessageToJsonString(
            *response, &text, print);
        !printed.ok())
      return absl::InternalError(printed.ToString());
    return Json{{"response", Json::parse(text)}};
  };
}

const std::map<std::string, Caller>& Methods() {
  static const auto& methods = *new std::map<std::string, Caller>{
      {"Login", Typed(&Client::Login)},
      {"ValidateSession", Typed(&Client::ValidateSession)},
      {"RefreshSession", Typed(&Client::RefreshSession)},
      {"RevokeSession", Typed(&Client::RevokeSession)},
      {"CheckSessionKey", Typed(&Client::CheckSessionKey)},
      {"DecryptPhone", Typed(&Client::DecryptPhone)},
      {"DecryptUserData", Typed(&Client::DecryptUserData)},
      {"GetUserInfo", Typed(&Client::GetUserInfo)},
      {"GetAccessToken", Typed(&Client::GetAccessToken)},
      {"GetJsapiSignature", Typed(&Client::GetJsapiSignature)},
      {"GetAuthorizeUrl", Typed(&Client::GetAuthorizeUrl)},
      {"GetUser", Typed(&Client::GetUser)},
      {"BatchGetUsers", Typed(&Client::BatchGetUsers)},
  };
  return methods;
}

Answer TokenAnswer(const absl::StatusOr<AppToken>& token) {
  if (!token.ok()) return token.status();
  return Json{{"access_token", token->access_token},
              {"generation", absl::StrCat(token->generation)}};
}

Json Who(const v1::Session& session) {
  return {{"user_id", session.user().user_id()},
          {"openid", session.identity().openid()}};
}

// A gRPC server whose one call wants a session, and tells whose it is.
class GuardedServer : public v1::IdentityService::Service {
 public:
  explicit GuardedServer(SessionAuthenticator& authenticator)
      : authenticator_(authenticator) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    stub_ = v1::IdentityService::NewStub(grpc::CreateChannel(
        absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~GuardedServer() override { server_->Shutdown(); }

  Json Call(const std::map<std::string, std::string>& headers) {
    grpc::ClientContext context;
    for (const auto& [name, value] : headers) context.AddMetadata(name, value);
    v1::ValidateSessionResponse response;
    const grpc::Status status = stub_->ValidateSession(&context, {}, &response);
    Json answer = status.ok() ? Who(response.session()) : Json::object();
    answer["status"] = absl::StatusCodeToString(
        static_cast<absl::StatusCode>(status.error_code()));
    return answer;
  }

 private:
  grpc::Status ValidateSession(grpc::ServerContext* context,
                               const v1::ValidateSessionRequest*,
                               v1::ValidateSessionResponse* response) override {
    const auto session = authenticator_.Authenticate(*context);
    if (!session.ok()) return SessionAuthenticator::ToGrpc(session.status());
    *response->mutable_session() = *session;
    return grpc::Status::OK;
  }

  SessionAuthenticator& authenticator_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::IdentityService::Stub> stub_;
};

// A client with its authenticators, so that their memory is seen.
struct Opened {
  explicit Opened(std::unique_ptr<Client> made) : client(std::move(made)) {}

  std::unique_ptr<Client> client;
  SessionAuthenticator usual{*client};
  SessionAuthenticator strong{*client, {.strong = true}};
  GuardedServer usual_server{usual};
  GuardedServer strong_server{strong};
};

// Declared so that it ends before its client.
struct Source {
  Source(std::shared_ptr<Opened> opened, const std::string& app_id)
      : opened(std::move(opened)), source(*this->opened->client, app_id) {}

  std::shared_ptr<Opened> opened;
  AccessTokenSource source;
};

class Runner {
 public:
  // One request; it may wait.
  Answer Do(const std::string& op, const Json& args) {
    if (op == "hello")
      return Json{{"language", "cpp"},
                  {"client_version", kVersion},
                  {"grpc_version", grpc::Version()}};
    if (op == "open") return Open(OptionsOf(args), args);
    if (op == "open_env") return OpenEnv(args);
    if (op == "close") {
      std::shared_ptr<Opened> closed = Take(clients_, Text(args, "name"));
      return closed == nullptr ? NoSuch("client") : Answer(Json::object());
    }
    if (op == "call") return Call(args);
    if (op == "authenticate") return Authenticate(args);
    if (op == "token_source") {
      const std::shared_ptr<Opened> opened = Find(clients_, args, "client");
      if (opened == nullptr) return NoSuch("client");
      auto source = std::make_shared<Source>(opened, Text(args, "app_id"));
      std::lock_guard<std::mutex> lock(mutex_);
      sources_[Text(args, "name")].swap(source);
      return Json::object();
    }
    const std::string name = args.contains("source") ? "source" : "name";
    const std::shared_ptr<Source> source = Find(sources_, args, name.c_str());
    if (source == nullptr) return NoSuch("operation or token source");
    if (op == "token_get")
      return TokenAnswer(source->source.Get(Deadline(args)));
    if (op == "token_reject")
      return TokenAnswer(source->source.ReportRejected(
          Text(args, "access_token"), Deadline(args)));
    if (op == "token_close") {
      source->source.Close();
      Take(sources_, Text(args, name.c_str()));
      return Json::object();
    }
    return NoSuch("operation");
  }

  void CloseAll() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& [name, source] : sources_) source->source.Close();
    sources_.clear();
    clients_.clear();
  }

 private:
  template <typename Thing>
  using Named = std::map<std::string, std::shared_ptr<Thing>>;

  static absl::Status NoSuch(const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat("there is no such ", what));
  }

  template <typename Thing>
  std::shared_ptr<Thing> Find(const Named<Thing>& things, const Json& args,
                              const char* name) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = things.find(Text(args, name));
    return found == things.end() ? nullptr : found->second;
  }

  // The last one to hold it ends it, outside the lock.
  template <typename Thing>
  std::shared_ptr<Thing> Take(Named<Thing>& things, const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<Thing> taken;
    if (const auto found = things.find(name); found != things.end()) {
      taken = std::move(found->second);
      things.erase(found);
    }
    return taken;
  }

  static ClientOptions OptionsOf(const Json& args) {
    ClientOptions options;
    options.address = Text(args, "address");
    options.insecure = args.value("insecure", false);
    options.ca_file = Text(args, "ca_file");
    options.cert_file = Text(args, "cert_file");
    options.key_file = Text(args, "key_file");
    options.server_name = Text(args, "server_name");
    return options;
  }

  Answer Open(ClientOptions options, const Json& args) {
    options.trace_context = [] { return TraceContext{traceparent, ""}; };
    absl::StatusOr<std::unique_ptr<Client>> client =
        Client::Create(std::move(options));
    if (!client.ok()) return client.status();
    auto opened = std::make_shared<Opened>(*std::move(client));
    std::lock_guard<std::mutex> lock(mutex_);
    clients_[Text(args, "name")].swap(opened);
    return Json::object();
  }

  Answer OpenEnv(const Json& args) {
    for (const char* name :
         {"WXIDENT_CLIENT_ADDR", "WXIDENT_CLIENT_TLS_CA_FILE",
          "WXIDENT_CLIENT_TLS_CERT_FILE", "WXIDENT_CLIENT_TLS_KEY_FILE",
          "WXIDENT_CLIENT_TLS_SERVER_NAME", "WXIDENT_CLIENT_INSECURE"})
      unsetenv(name);
    for (const auto& [name, value] : args.at("env").items())
      setenv(name.c_str(), value.get<std::string>().c_str(), 1);
    absl::StatusOr<ClientOptions> options = ClientOptions::FromEnv();
    if (!options.ok()) return options.status();
    return Open(*std::move(options), args);
  }

  Answer Call(const Json& args) {
    const std::shared_ptr<Opened> opened = Find(clients_, args, "client");
    if (opened == nullptr) return NoSuch("client");
    const auto method = Methods().find(Text(args, "method"));
    if (method == Methods().end()) return NoSuch("method");
    CallOptions options;
    if (args.contains("deadline_ms")) options.deadline = Deadline(args);
    traceparent = Text(args, "traceparent");
    return method->second(*opened->client,
                          args.value("request", Json::object()), options);
  }

  Answer Authenticate(const Json& args) {
    const std::shared_ptr<Opened> opened = Find(clients_, args, "client");
    if (opened == nullptr) return NoSuch("client");
    const auto headers = args.value("headers", Json::object())
                             .get<std::map<std::string, std::string>>();
    const bool strong = args.value("strong", false);
    if (Text(args, "kind") == "grpc")
      return (strong ? opened->strong_server : opened->usual_server)
          .Call(headers);
    const auto found = headers.find("authorization");
    const absl::StatusOr<v1::Session> session =
        (strong ? opened->strong : opened->usual)
            .Authenticate(found == headers.end() ? "" : found->second);
    Json answer = session.ok() ? Who(*session) : Json::object();
    answer["status"] = SessionAuthenticator::ToHttp(session.status());
    return answer;
  }

  std::mutex mutex_;
  Named<Opened> clients_;
  Named<Source> sources_;
};

Json ErrorOf(const absl::Status& status) {
  const std::string reason = ReasonName(ReasonOf(status));
  const std::string code = absl::StatusCodeToString(status.code());
  Json error{{"reason", reason},
             {"code", code},
             {"message", status.ToString()},
             {"kind", reason.empty() ? code : "ERROR_REASON_" + reason}};
  if (const std::string errcode = MetadataOf(status, "errcode");
      !errcode.empty())
    error["errcode"] = errcode;
  if (const auto wait = RetryAfter(status); wait.has_value())
    error["retry_after_ms"] = absl::ToInt64Milliseconds(*wait);
  if (const std::string id = RequestId(status); !id.empty())
    error["request_id"] = id;
  for (const auto& [field, what] : ViolationsOf(status))
    error["violations"].push_back(field);
  return error;
}

// Done in the order of their requests, for they wait for nothing.
bool IsImmediate(const std::string& op) {
  return op == "hello" || op == "open" || op == "open_env" || op == "close" ||
         op == "token_source" || op == "token_close";
}

int Main() {
  Runner runner;
  std::mutex out;
  const auto reply = [&](const Json& id, const Answer& answer) {
    Json line{{"id", id}};
    if (answer.ok())
      line["ok"] = *answer;
    else
      line["error"] = ErrorOf(answer.status());
    std::lock_guard<std::mutex> lock(out);
    std::cout << line.dump() << std::endl;
  };
  // What the driver got wrong is told, not thrown.
  const auto work = [&](const Json& id, const std::string& op,
                        const Json& args) {
    try {
      reply(id, runner.Do(op, args));
    } catch (const Json::exception& error) {
      reply(id, absl::InvalidArgumentError(error.what()));
    }
  };
  std::vector<std::thread> threads;
  Json last_id;
  std::string line;
  while (std::getline(std::cin, line)) {
    const Json request = Json::parse(line);
    const Json& id = request.at("id");
    const std::string op = request.at("op");
    const Json args = request.value("args", Json::object());
    if (op == "exit") {
      last_id = id;
      break;
    }
    if (IsImmediate(op))
      work(id, op, args);
    else
      threads.emplace_back(work, id, op, args);
  }
  runner.CloseAll();
  for (std::thread& thread : threads) thread.join();
  if (!last_id.is_null()) reply(last_id, Json::object());
  return 0;
}

}  // namespace
}  // namespace wxident::client

int main() {
  try {
    return wxident::client::Main();
  } catch (const std::exception& error) {
    std::fputs(error.what(), stderr);
    return 1;
  }
}
