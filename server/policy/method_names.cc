#include "server/policy/method_names.h"

#include <google/protobuf/descriptor.h>

#include "wxident/v1/admin_service.pb.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {
namespace {

// `message` is one of the file that the service stands in.
std::vector<std::string> MethodsBeside(
    const google::protobuf::Descriptor& message) {
  const google::protobuf::FileDescriptor& file = *message.file();
  std::vector<std::string> names;
  for (int s = 0; s < file.service_count(); ++s)
    for (int m = 0; m < file.service(s)->method_count(); ++m)
      names.push_back(file.service(s)->method(m)->name());
  return names;
}

}  // namespace

const std::vector<std::string>& IdentityMethodNames() {
  static const auto& names = *new std::vector<std::string>(
      MethodsBeside(*v1::LoginRequest::descriptor()));
  return names;
}

const std::vector<std::string>& AdminMethodNames() {
  static const auto& names = *new std::vector<std::string>(
      MethodsBeside(*v1::ListAppsRequest::descriptor()));
  return names;
}

}  // namespace wxident
