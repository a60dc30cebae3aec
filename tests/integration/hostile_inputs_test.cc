// Every text of every request, filled with what attackers send, through real
// processes: the answer is an answer, the database hears no statement that it
// does not understand, and nothing but what the call is for has changed.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

namespace pb = google::protobuf;

// What breaks programs that build statements, log lines, paths, pages, shell
// commands or formats out of text, and what is hard to measure or to compare.
std::vector<std::string> Payloads() {
  std::vector<std::string> payloads = {
      "'",
      "''",
      "\"",
      "`",
      "\\",
      "\\'",
      ";",
      "--",
      "/*",
      "*/",
      "' OR '1'='1",
      "' OR 1=1--",
      "\" OR \"\"=\"",
      "') OR ('a'='a",
      "1; DROP TABLE users;--",
      "'; DROP TABLE users;--",
      "'; UPDATE users SET created_at = now();--",
      "' UNION SELECT NULL,NULL,NULL--",
      "' UNION ALL SELECT usename, passwd FROM pg_shadow--",
      "'||(SELECT current_user)||'",
      "';SELECT pg_sleep(10)--",
      "' AND (SELECT 1 FROM pg_sleep(10)) IS NULL--",
      "'; COPY users TO '/tmp/users';--",
      "'; COPY users FROM PROGRAM 'id';--",
      "$1",
      "$$",
      "$tag$",
      "$$; DROP TABLE users; $$",
      "E'\\x27'",
      "U&'\\0027'",
      "{a,b}",
      "{\"a\"}",
      "{{",
      "}",
      "NULL",
      "{NULL}",
      "(1,2)",
      "%27",
      "%00",
      "%s%s%s%n",
      "%",
      "_",
      "{}",
      "{0}",
      "{:>999999999}",
      "${HOME}",
      "${jndi:ldap://127.0.0.1/a}",
      "$(id)",
      "`id`",
      "| id",
      "& id",
      "../../../../etc/passwd",
      "/dev/zero",
      "file:///etc/passwd",
      "http://169.254.169.254/latest/meta-data/",
      "http://127.0.0.1:1/",
      "https://user:pass@127.0.0.1/",
      "<script>alert(1)</script>",
      "\"><img src=x>",
      "]]>",
      "a\r\nInjected: yes",
      "a\n{\"level\":\"error\",\"event\":\"forged\"}",
      "\r",
      "\n",
      "\t",
      "\x1b[2J\x1b[31m",
      "\x7f",
      "\b\b\b\b",
      std::string("a\0b", 3),
      std::string("\0", 1),
      "\xef\xbb\xbf",
      "\xe2\x80\xae",
      "\xe2\x80\x8b",
      "\xef\xbf\xbe",
      "\xf0\x9f\x98\x80",
      "\xcc\x81\xcc\x81\xcc\x81",
      "\xef\xbc\x87 OR 1=1",
      " ",
      "   ",
      "0",
      "-1",
      "1e999",
      "NaN",
      "9223372036854775808",
      "00000000-0000-0000-0000-000000000000",
      "ffffffff-ffff-ffff-ffff-ffffffffffff",
      "00000000-0000-7000-8000-00000000000g",
      "wxs1_",
      absl::StrCat("wxs1_", std::string(43, 'A')),
      absl::StrCat("wxs1_", std::string(43, '\'')),
      "wx0000000000000000",
      "WX4F4BC4DEC97D474B",
      "====",
      "AAAA",
      std::string(22, 'A') + "==",
      std::string(64, '('),
      std::string(64, '['),
      std::string(513, 'a'),
      std::string(2049, '\''),
      std::string(30000, 'A'),
      std::string(30000, '\\'),
  };
  // The rest of a corpus of 200: a quote among letters at each place that
  // matters to an escaper of blocks, and lengths around powers of two.
  for (size_t at = 0; payloads.size() < 150; ++at) {
    std::string text(48, 'x');
    text[at % 48] = at < 48 ? '\'' : '\\';
    payloads.push_back(text);
  }
  for (size_t size = 1; payloads.size() < 200; size += size / 4 + 1)
    payloads.push_back(std::string(size % 20000, 'z'));
  return payloads;
}

// The way to one text field: fields of nested messages, then the text's.
using Path = std::vector<const pb::FieldDescriptor*>;

void AddPaths(const pb::Descriptor& message, Path path,
              std::vector<Path>& paths) {
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor* field = message.field(i);
    path.push_back(field);
    if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING)
      paths.push_back(path);
    else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE)
      AddPaths(*field->message_type(), path, paths);
    path.pop_back();
  }
}

struct Method {
  std::string name;
  bool admin;
  // Goes on until the caller leaves.
  bool stream;
  const pb::Descriptor* request;
};

std::vector<Method> Methods() {
  std::vector<Method> methods;
  for (const char* service :
       {"wxident.v1.IdentityService", "wxident.v1.AdminService"}) {
    const pb::ServiceDescriptor* found =
        pb::DescriptorPool::generated_pool()->FindServiceByName(service);
    for (int i = 0; i < found->method_count(); ++i)
      methods.push_back(
          {absl::StrCat("/", service, "/", found->method(i)->name()),
           absl::StrContains(service, "Admin"),
           found->method(i)->server_streaming(),
           found->method(i)->input_type()});
  }
  return methods;
}

class HostileInputsTest : public testing::Test {
 protected:
  HostileInputsTest() : server_(world_) {
    // The generated code of both services is linked in.
    v1::LoginRequest::descriptor();
    v1::ListAppsRequest::descriptor();
    LogIn(world_, server_, "bystander");
    LogIn(world_, server_, "bystander", kWebsite);
    users_ = world_.Count("SELECT count(*) FROM users");
  }
  ~HostileInputsTest() override { EXPECT_EQ(server_.Stop(), 0); }

  // A text that gets as far as it can in a field of this name.
  std::string Plausible(const std::string& field) const {
    if (field == "app_id") return kMiniProgram;
    if (field == "openid") return login_.identity().openid();
    if (field == "unionid") return login_.identity().unionid();
    if (field == "session_token") return login_.session_token();
    if (field == "user_id" || field == "user_ids")
      return login_.user().user_id();
    if (field == "iv") return std::string(22, 'A') + "==";
    if (field == "encrypted_data") return std::string(43, 'A') + "=";
    if (field == "raw_data") return "{}";
    if (field == "signature") return std::string(40, 'a');
    if (field == "language") return "en";
    if (field == "url" || field == "redirect_uri")
      return "https://www.example.com/";
    return "plausible";
  }

  // Fills `message` so that the field at the end of `path` holds `text` and all
  // others are plausible; of a oneof the member on the path, or the first.
  void Fill(pb::Message& message, const Path& path, size_t depth,
            const std::string& text) {
    const pb::Reflection& reflection = *message.GetReflection();
    const pb::Descriptor& type = *message.GetDescriptor();
    const pb::FieldDescriptor* chosen =
        depth < path.size() ? path[depth] : nullptr;
    if (chosen != nullptr && chosen->containing_type() != &type)
      chosen = nullptr;
    for (int i = 0; i < type.field_count(); ++i) {
      const pb::FieldDescriptor* field = type.field(i);
      if (const pb::OneofDescriptor* oneof = field->real_containing_oneof()) {
        const bool ours =
            chosen != nullptr && chosen->containing_oneof() == oneof;
        if (ours ? field != chosen : field != oneof->field(0)) continue;
      }
      const bool last = field == chosen && depth + 1 == path.size();
      if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
        if (absl::StartsWith(field->message_type()->full_name(), "google."))
          continue;
        pb::Message* inner = field->is_repeated()
                                 ? reflection.AddMessage(&message, field)
                                 : reflection.MutableMessage(&message, field);
        Fill(*inner, field == chosen ? path : Path{}, depth + 1, text);
      } else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING) {
        const std::string value = last ? text : Plausible(field->name());
        if (field->is_repeated())
          reflection.AddString(&message, field, value);
        else
          reflection.SetString(&message, field, value);
      } else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_ENUM &&
                 !field->is_repeated()) {
        reflection.SetEnumValue(&message, field, 1);
      }
    }
  }

  // Sends bytes as a request. A stream that goes on is as good as an OK.
  grpc::Status Send(const Method& method, const std::string& bytes) {
    grpc::ClientContext context;
    context.set_deadline(
        std::chrono::system_clock::now() +
        std::chrono::milliseconds(method.stream ? 200 : 10000));
    grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::Status status;
    grpc::CompletionQueue queue;
    auto call = (method.admin ? admin_ : identity_)
                    .PrepareUnaryCall(&context, method.name, request, &queue);
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    const bool went_on =
        method.stream &&
        status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    return went_on ? grpc::Status::OK : status;
  }

  // What a hostile input may be told. Anything else is a fault of ours.
  static bool IsAnswer(const grpc::Status& status) {
    switch (status.error_code()) {
      case grpc::StatusCode::OK:
      case grpc::StatusCode::INVALID_ARGUMENT:
      case grpc::StatusCode::FAILED_PRECONDITION:
      case grpc::StatusCode::NOT_FOUND:
      case grpc::StatusCode::PERMISSION_DENIED:
        return true;
      case grpc::StatusCode::RESOURCE_EXHAUSTED:
        return ReasonOf(status) == "SESSION_RATE_LIMITED" ||
               ReasonOf(status) == "TOKEN_BUDGET_EXHAUSTED";
      default:
        return false;
    }
  }

  void ExpectUnharmed() {
    EXPECT_EQ(world_.Orphans(), 0);
    EXPECT_GE(world_.Count("SELECT count(*) FROM users"), users_);
    EXPECT_EQ(world_.Count("SELECT count(*) FROM identities WHERE app_id = '" +
                           std::string(kWebsite) + "'"),
              1);
    const std::string log = world_.postgres().Log();
    EXPECT_FALSE(absl::StrContains(log, "ERROR:")) << log;
    EXPECT_TRUE(
        IsActive(server_, LogIn(world_, server_, "bystander").session_token()));
  }

  World world_;
  Wxidentd server_;
  v1::LoginResponse login_;
  int users_ = 0;
  grpc::GenericStub identity_{
      grpc::CreateChannel(server_.addr(), grpc::InsecureChannelCredentials())};
  grpc::GenericStub admin_{grpc::CreateChannel(
      server_.admin_addr(), grpc::InsecureChannelCredentials())};
};

TEST_F(HostileInputsTest, EveryTextOfEveryRequest) {
  const std::vector<std::string> payloads = Payloads();
  ASSERT_EQ(payloads.size(), 200u);
  pb::DynamicMessageFactory factory;
  int sent = 0;
  std::set<std::string> reached;
  for (const Method& method : Methods()) {
    std::vector<Path> paths;
    AddPaths(*method.request, {}, paths);
    for (const Path& path : paths) {
      // Calls end sessions and erase people.
      login_ = LogIn(world_, server_, "target");
      for (const std::string& payload : payloads) {
        const std::unique_ptr<pb::Message> request(
            factory.GetPrototype(method.request)->New());
        Fill(*request, path, 0, payload);
        const grpc::Status status =
            Send(method, request->SerializePartialAsString());
        ++sent;
        ASSERT_TRUE(IsAnswer(status))
            << method.name << " " << path.back()->full_name() << " = "
            << payload.substr(0, 80) << ": " << status.error_code() << " "
            << ReasonOf(status) << " " << status.error_message();
        // What was wrong with it is told without repeating it.
        if (payload.size() > 12)
          EXPECT_FALSE(absl::StrContains(status.error_message(), payload))
              << method.name << " repeats " << path.back()->full_name();
        if (ReasonOf(status) != "REQUEST_INVALID") reached.insert(method.name);
      }
    }
  }
  EXPECT_GT(sent, 5000);
  // The other fields were good enough to get beyond the checks of fields.
  EXPECT_GT(reached.size(), 15u);
  ExpectUnharmed();
}

TEST_F(HostileInputsTest, BytesThatAreNoMessageOrAlmostOne) {
  std::minstd_rand random(20260101);
  pb::DynamicMessageFactory factory;
  for (const Method& method : Methods()) {
    std::vector<Path> paths;
    AddPaths(*method.request, {}, paths);
    for (int i = 0; i < 300; ++i) {
      if (i % 100 == 0) login_ = LogIn(world_, server_, "target");
      const std::unique_ptr<pb::Message> request(
          factory.GetPrototype(method.request)->New());
      if (!paths.empty()) {
        const Path& path = paths[random() % paths.size()];
        Fill(*request, path, 0, Plausible(path.back()->name()));
      }
      std::string bytes = request->SerializePartialAsString();
      for (size_t n = 1 + random() % 4; n > 0; --n) {
        const size_t at = bytes.empty() ? 0 : random() % bytes.size();
        switch (random() % 5) {
          case 0:
            if (!bytes.empty())
              bytes[at] ^= static_cast<char>(1 << random() % 8);
            break;
          case 1:
            bytes.resize(at);
            break;
          case 2:
            bytes.insert(at, 1 + random() % 9, static_cast<char>(random()));
            break;
          case 3:  // A field that says it is longer than everything.
            bytes += "\x0a\xff\xff\xff\xff\x07";
            break;
          case 4:  // The same fields once more.
            bytes += bytes.substr(0, 2000);
            break;
        }
      }
      const grpc::Status status = Send(method, bytes);
      // What protobuf cannot read never reaches a call of ours: gRPC refuses
      // it, without an ErrorInfo.
      const bool readable = request->ParseFromString(bytes);
      EXPECT_TRUE(IsAnswer(status) || (!readable && ReasonOf(status).empty()))
          << method.name << " " << status.error_code() << " "
          << ReasonOf(status) << " " << status.error_message();
    }
  }
  ExpectUnharmed();
}

}  // namespace
}  // namespace wxident
