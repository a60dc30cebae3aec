#include "server/rpc/redacted.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "wxident/v1/admin_service.pb.h"
#include "wxident/v1/identity_service.pb.h"
#include "wxident/v1/options.pb.h"

namespace wxident {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;

constexpr char kMark[] = "987654321";

bool IsSensitive(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::sensitive);
}

std::vector<const Descriptor*> AllMessages() {
  std::vector<const Descriptor*> all;
  const std::function<void(const Descriptor*)> add =
      [&](const Descriptor* message) {
        all.push_back(message);
        for (int i = 0; i < message->nested_type_count(); ++i)
          add(message->nested_type(i));
      };
  for (const FileDescriptor* file : {v1::LoginRequest::descriptor()->file(),
                                     v1::EraseUserRequest::descriptor()->file(),
                                     v1::User::descriptor()->file()})
    for (int i = 0; i < file->message_type_count(); ++i)
      add(file->message_type(i));
  return all;
}

// Puts the mark into a field that is no message. False for what cannot hold it.
bool Mark(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const bool many = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      many ? reflection.AddString(&message, &field, kMark)
           : reflection.SetString(&message, &field, kMark);
      return true;
    case FieldDescriptor::CPPTYPE_INT32:
      many ? reflection.AddInt32(&message, &field, 987654321)
           : reflection.SetInt32(&message, &field, 987654321);
      return true;
    case FieldDescriptor::CPPTYPE_INT64:
      many ? reflection.AddInt64(&message, &field, 987654321)
           : reflection.SetInt64(&message, &field, 987654321);
      return true;
    case FieldDescriptor::CPPTYPE_UINT32:
      many ? reflection.AddUInt32(&message, &field, 987654321)
           : reflection.SetUInt32(&message, &field, 987654321);
      return true;
    case FieldDescriptor::CPPTYPE_BOOL:
      many ? reflection.AddBool(&message, &field, true)
           : reflection.SetBool(&message, &field, true);
      return false;
    case FieldDescriptor::CPPTYPE_ENUM:
      many ? reflection.AddEnumValue(&message, &field, 1)
           : reflection.SetEnumValue(&message, &field, 1);
      return false;
    default:
      ADD_FAILURE() << "teach this test the type of " << field.full_name();
      return false;
  }
}

// One field at a time, and in submessages again, so that no cut hides any.
class EveryField {
 public:
  explicit EveryField(const Descriptor& message)
      : root_(google::protobuf::MessageFactory::generated_factory()
                  ->GetPrototype(&message)
                  ->New()) {
    Walk(*root_, message.full_name(), false);
  }

  int redacted() const { return redacted_; }
  int shown() const { return shown_; }

 private:
  void Walk(Message& message, const std::string& path, bool sensitive) {
    const Reflection& reflection = *message.GetReflection();
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      const std::string here = absl::StrCat(path, ".", field.name());
      const bool hidden = sensitive || IsSensitive(field);
      if (field.message_type() != nullptr) {
        Walk(*(field.is_repeated()
                   ? reflection.AddMessage(&message, &field)
                   : reflection.MutableMessage(&message, &field)),
             here, hidden);
      } else {
        Expect(Mark(message, field), hidden, here);
      }
      reflection.ClearField(&message, &field);
    }
  }

  void Expect(bool marked, bool hidden, const std::string& path) {
    const std::string line = Redacted(*root_);
    EXPECT_EQ(absl::StrContains(line, "[redacted]"), hidden) << path << line;
    EXPECT_EQ(absl::StrContains(line, kMark), marked && !hidden)
        << path << ": " << line;
    ++(hidden ? redacted_ : shown_);
  }

  const std::unique_ptr<Message> root_;
  int redacted_ = 0;
  int shown_ = 0;
};

TEST(RedactedTest, NoSensitiveFieldOfTheContractComesOut) {
  int redacted = 0;
  int shown = 0;
  for (const Descriptor* message : AllMessages()) {
    const EveryField fields(*message);
    redacted += fields.redacted();
    shown += fields.shown();
  }
  EXPECT_GT(redacted, 60);
  EXPECT_GT(shown, 150);
}

// What looks like a secret or a person by its name, and is none.
const std::map<std::string, std::string>& Exceptions() {
  static const auto& exceptions = *new std::map<std::string, std::string>{
      {"User.phone_linked", "whether, not which"},
      {"Phone.country_code", "of a country, not of a person"},
      {"LoginRequest.session_ttl", "a duration"},
      {"AppInfo.token_mode", "configuration"},
      {"CredentialStatus.failure_errcode", "WeChat's number for an error"},
      {"ItemError.errcode", "WeChat's number for an error"},
      {"EraseUserResponse.revoked_sessions", "a count"},
      {"ExportedIdentity.session_count", "a count"},
      {"RotateKeysResponse.sealing_key_id", "names a key, is none"},
      {"KeyStatus.key_id", "names a key, is none"},
      {"GetJsapiSignatureResponse.signature", "made to be shown in a page"},
  };
  return exceptions;
}

TEST(RedactedTest, FieldsThatNameSecretsOrPersonsAreMarked) {
  std::set<std::string> unused;
  for (const auto& [name, reason] : Exceptions()) unused.insert(name);
  for (const Descriptor* message : AllMessages()) {
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor& field = *message->field(i);
      // A submessage's own fields are looked at where it is declared.
      if (field.message_type() != nullptr &&
          !absl::StartsWith(field.message_type()->full_name(), "google."))
        continue;
      bool named = false;
      for (const char* word :
           {"code", "token", "key", "phone", "openid", "unionid", "session",
            "secret", "password", "encrypted", "raw_data", "signature",
            "ticket", "nickname", "avatar", "remark", "json", "url", "state"})
        named = named || absl::StrContains(field.name(), word);
      if (field.enum_type() != nullptr) named = false;
      const std::string name = absl::StrCat(message->name(), ".", field.name());
      const bool excepted = unused.erase(name) > 0;
      EXPECT_EQ(IsSensitive(field), named && !excepted) << name;
    }
  }
  EXPECT_EQ(unused, std::set<std::string>()) << "exceptions of nothing";
}

// What the contract has not, but may have one day.
class AnyMessageTest : public testing::Test {
 protected:
  AnyMessageTest() {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(
        TextFormat::ParseFromString(R"pb(
                                      name: "any.proto"
                                      syntax: "proto3"
                                      message_type {
                                        name: "Any"
                                        field {
                                          name: "plain"
                                          number: 1
                                          type: TYPE_STRING
                                          label: LABEL_OPTIONAL
                                        }
                                        field {
                                          name: "hidden"
                                          number: 2
                                          type: TYPE_STRING
                                          label: LABEL_REPEATED
                                          options {
                                            [wxident.v1.sensitive]: true
                                          }
                                        }
                                        field {
                                          name: "inner"
                                          number: 3
                                          type: TYPE_MESSAGE
                                          type_name: "Any"
                                          label: LABEL_REPEATED
                                        }
                                        field {
                                          name: "sealed"
                                          number: 4
                                          type: TYPE_MESSAGE
                                          type_name: "Any"
                                          label: LABEL_OPTIONAL
                                          options {
                                            [wxident.v1.sensitive]: true
                                          }
                                        }
                                        field {
                                          name: "names"
                                          number: 5
                                          type: TYPE_MESSAGE
                                          label: LABEL_REPEATED
                                          type_name: "Any.NamesEntry"
                                        }
                                        field {
                                          name: "hidden_names"
                                          number: 6
                                          type: TYPE_MESSAGE
                                          label: LABEL_REPEATED
                                          type_name: "Any.HiddenNamesEntry"
                                          options {
                                            [wxident.v1.sensitive]: true
                                          }
                                        }
                                        field {
                                          name: "hidden_number"
                                          number: 7
                                          type: TYPE_DOUBLE
                                          oneof_index: 0
                                          label: LABEL_OPTIONAL
                                          options {
                                            [wxident.v1.sensitive]: true
                                          }
                                        }
                                        field {
                                          name: "number"
                                          number: 8
                                          type: TYPE_DOUBLE
                                          oneof_index: 0
                                          label: LABEL_OPTIONAL
                                        }
                                        field {
                                          name: "bytes"
                                          number: 9
                                          type: TYPE_BYTES
                                          label: LABEL_OPTIONAL
                                        }
                                        nested_type {
                                          name: "NamesEntry"
                                          field {
                                            name: "key"
                                            number: 1
                                            type: TYPE_STRING
                                            label: LABEL_OPTIONAL
                                          }
                                          field {
                                            name: "value"
                                            number: 2
                                            type: TYPE_MESSAGE
                                            type_name: "Any"
                                            label: LABEL_OPTIONAL
                                          }
                                          options { map_entry: true }
                                        }
                                        nested_type {
                                          name: "HiddenNamesEntry"
                                          field {
                                            name: "key"
                                            number: 1
                                            type: TYPE_STRING
                                            label: LABEL_OPTIONAL
                                          }
                                          field {
                                            name: "value"
                                            number: 2
                                            type: TYPE_STRING
                                            label: LABEL_OPTIONAL
                                          }
                                          options { map_entry: true }
                                        }
                                        oneof_decl { name: "either" }
                                      })pb",
                                    &file));
    const FileDescriptor* built = pool_.BuildFile(file);
    EXPECT_NE(built, nullptr);
    message_.reset(factory_.GetPrototype(built->message_type(0))->New());
  }

  std::string Line(const std::string& text) {
    EXPECT_TRUE(TextFormat::ParseFromString(text, message_.get())) << text;
    return Redacted(*message_);
  }

  google::protobuf::DescriptorPool pool_{
      google::protobuf::DescriptorPool::generated_pool()};
  google::protobuf::DynamicMessageFactory factory_;
  std::unique_ptr<Message> message_;
};

TEST_F(AnyMessageTest, FieldsStandInOrder) {
  EXPECT_EQ(Line(""), "");
  EXPECT_EQ(Line(R"(number: 1.5 plain: "a" inner { plain: "b" } inner {})"),
            R"(plain: "a" inner { plain: "b" } inner { } number: 1.5)");
}

TEST_F(AnyMessageTest, SensitiveIsAllOfAField) {
  EXPECT_EQ(Line(R"(hidden: "MARK" hidden: "MARK")"), "hidden: [redacted]");
  EXPECT_EQ(Line(R"(inner { inner { hidden: "MARK" plain: "b" } })"),
            R"(inner { inner { plain: "b" hidden: [redacted] } })");
  EXPECT_EQ(Line(R"(sealed { plain: "MARK" inner { plain: "MARK" } })"),
            "sealed: [redacted]");
  EXPECT_EQ(Line(R"(hidden_names { key: "MARK" value: "MARK" })"),
            "hidden_names: [redacted]");
  EXPECT_EQ(Line(R"(names { key: "a" value { hidden: "MARK" } })"),
            R"(names { key: "a" value { hidden: [redacted] } })");
  EXPECT_EQ(Line("hidden_number: 987654321"), "hidden_number: [redacted]");
}

TEST_F(AnyMessageTest, UnknownFieldsAreLeftOut) {
  message_->GetReflection()
      ->MutableUnknownFields(message_.get())
      ->AddLengthDelimited(99, "MARK");
  EXPECT_EQ(Redacted(*message_), "");
}

TEST_F(AnyMessageTest, LongTextIsCutAndOddBytesEscaped) {
  EXPECT_EQ(Line(absl::StrCat("plain: \"", std::string(100, 'x'), "\"")),
            absl::StrCat("plain: \"", std::string(64, 'x'), "\"..."));
  EXPECT_EQ(Line(R"(bytes: "\n\"\377")"), R"(bytes: "\n\"\xff")");
  std::string many;
  for (int i = 0; i < 1000; ++i)
    absl::StrAppend(&many, R"(inner { plain: "x" })");
  const std::string line = Line(many);
  EXPECT_LT(line.size(), 300u);
  EXPECT_TRUE(absl::EndsWith(line, " ...")) << line;
  std::string deep;
  for (int i = 0; i < 50; ++i) absl::StrAppend(&deep, "inner {");
  EXPECT_LT(Line(deep + std::string(50, '}')).size(), 300u);
}

}  // namespace
}  // namespace wxident
