#include "server/rpc/reflection_answers.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

namespace pb = grpc::reflection::v1;
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;

// What the details of our errors are (rpc/status). No method names them, but
// who shows an error asks for them.
constexpr const char* kDetails[] = {
    "google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.RetryInfo"};

std::string ErrorOf(absl::StatusCode code, const std::string& message) {
  pb::ServerReflectionResponse response;
  response.mutable_error_response()->set_error_code(static_cast<int>(code));
  response.mutable_error_response()->set_error_message(message);
  return response.SerializeAsString();
}

// `file`, then what it needs, each once.
void AddWithNeeds(const FileDescriptor& file,
                  std::vector<const FileDescriptor*>& files) {
  if (std::find(files.begin(), files.end(), &file) != files.end()) return;
  files.push_back(&file);
  for (int i = 0; i < file.dependency_count(); ++i)
    AddWithNeeds(*file.dependency(i), files);
}

std::string FileAnswer(const FileDescriptor& file) {
  std::vector<const FileDescriptor*> files;
  AddWithNeeds(file, files);
  pb::ServerReflectionResponse response;
  for (const FileDescriptor* needed : files) {
    google::protobuf::FileDescriptorProto proto;
    needed->CopyTo(&proto);
    proto.SerializeToString(response.mutable_file_descriptor_response()
                                ->add_file_descriptor_proto());
  }
  return response.SerializeAsString();
}

std::string ServicesAnswer(
    const std::vector<const ServiceDescriptor*>& services) {
  pb::ServerReflectionResponse response;
  for (const ServiceDescriptor* service : services)
    response.mutable_list_services_response()->add_service()->set_name(
        service->full_name());
  return response.SerializeAsString();
}

std::string NumbersAnswer(const std::string& type,
                          const std::set<int>& numbers) {
  pb::ServerReflectionResponse response;
  auto& answer = *response.mutable_all_extension_numbers_response();
  answer.set_base_type_name(type);
  answer.mutable_extension_number()->Add(numbers.begin(), numbers.end());
  return response.SerializeAsString();
}

template <typename Map, typename Key>
std::string FoundOr(const Map& map, const Key& key, absl::string_view what) {
  const auto found = map.find(key);
  if (found == map.end())
    return ErrorOf(absl::StatusCode::kNotFound,
                   absl::StrCat("there is no ", what, " of this name here"));
  if constexpr (std::is_pointer_v<typename Map::mapped_type>)
    return *found->second;
  else
    return found->second;
}

}  // namespace

// Walks through all that a file declares.
class ReflectionAnswers::Builder {
 public:
  explicit Builder(ReflectionAnswers& answers) : answers_(answers) {}

  void Add(const FileDescriptor& file) {
    answer_ = &(answers_.files_[file.name()] = FileAnswer(file));
    for (int i = 0; i < file.message_type_count(); ++i)
      Add(*file.message_type(i));
    for (int i = 0; i < file.enum_type_count(); ++i) Add(*file.enum_type(i));
    for (int i = 0; i < file.extension_count(); ++i) Extend(*file.extension(i));
    for (int i = 0; i < file.service_count(); ++i) {
      const ServiceDescriptor& service = *file.service(i);
      Name(service.full_name());
      for (int j = 0; j < service.method_count(); ++j)
        Name(service.method(j)->full_name());
    }
  }

  void Finish() {
    for (const auto& [type, numbers] : numbers_)
      answers_.extension_numbers_[type] = NumbersAnswer(type, numbers);
  }

 private:
  void Name(const std::string& symbol) { answers_.symbols_[symbol] = answer_; }

  void Add(const Descriptor& message) {
    Name(message.full_name());
    numbers_[message.full_name()];
    for (int i = 0; i < message.field_count(); ++i)
      Name(message.field(i)->full_name());
    for (int i = 0; i < message.oneof_decl_count(); ++i)
      Name(message.oneof_decl(i)->full_name());
    for (int i = 0; i < message.nested_type_count(); ++i)
      Add(*message.nested_type(i));
    for (int i = 0; i < message.enum_type_count(); ++i)
      Add(*message.enum_type(i));
    for (int i = 0; i < message.extension_count(); ++i)
      Extend(*message.extension(i));
  }

  void Add(const EnumDescriptor& type) {
    Name(type.full_name());
    for (int i = 0; i < type.value_count(); ++i)
      Name(type.value(i)->full_name());
  }

  void Extend(const FieldDescriptor& extension) {
    const std::string& type = extension.containing_type()->full_name();
    Name(extension.full_name());
    answers_.extensions_[{type, extension.number()}] = answer_;
    numbers_[type].insert(extension.number());
  }

  ReflectionAnswers& answers_;
  // Of the file that is walked through.
  const std::string* answer_ = nullptr;
  std::map<std::string, std::set<int>> numbers_;
};

ReflectionAnswers::ReflectionAnswers(
    const std::vector<const ServiceDescriptor*>& services)
    : services_(ServicesAnswer(services)) {
  std::vector<const FileDescriptor*> files;
  for (const ServiceDescriptor* service : services)
    AddWithNeeds(*service->file(), files);
  for (const char* detail : kDetails)
    if (const Descriptor* type =
            google::protobuf::DescriptorPool::generated_pool()
                ->FindMessageTypeByName(detail))
      AddWithNeeds(*type->file(), files);
  Builder builder(*this);
  for (const FileDescriptor* file : files) builder.Add(*file);
  builder.Finish();
}

std::string ReflectionAnswers::AnswerTo(
    const pb::ServerReflectionRequest& request) const {
  using Request = pb::ServerReflectionRequest;
  switch (request.message_request_case()) {
    case Request::kListServices:
      return services_;
    case Request::kFileByFilename:
      return FoundOr(files_, request.file_by_filename(), "file");
    case Request::kFileContainingSymbol:
      return FoundOr(symbols_, request.file_containing_symbol(), "symbol");
    case Request::kFileContainingExtension: {
      const pb::ExtensionRequest& asked = request.file_containing_extension();
      return FoundOr(
          extensions_,
          std::make_pair(asked.containing_type(), asked.extension_number()),
          "extension");
    }
    case Request::kAllExtensionNumbersOfType:
      return FoundOr(extension_numbers_,
                     request.all_extension_numbers_of_type(), "message");
    case Request::MESSAGE_REQUEST_NOT_SET:
      break;
  }
  return ErrorOf(absl::StatusCode::kInvalidArgument,
                 "the request asks for nothing that this server knows of");
}

}  // namespace wxident
