// What the services are made of: the contract's methods, and no others.

#include <gmock/gmock.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

using ::testing::ElementsAreArray;

class ServicesTest : public ServiceTest {};

std::set<std::string> PathsOf(const google::protobuf::FileDescriptor& file) {
  std::set<std::string> paths;
  for (int s = 0; s < file.service_count(); ++s)
    for (int m = 0; m < file.service(s)->method_count(); ++m)
      paths.insert(absl::StrCat("/", file.service(s)->full_name(), "/",
                                file.service(s)->method(m)->name()));
  return paths;
}

std::set<std::string> PathsOf(const EdgeMethods& methods) {
  std::set<std::string> paths;
  for (const auto& [path, method] : methods) paths.insert(path);
  return paths;
}

TEST_F(ServicesTest, EveryMethodOfTheContractIsServedAndNoOther) {
  EXPECT_THAT(
      PathsOf(IdentityMethods(services_)),
      ElementsAreArray(PathsOf(*v1::LoginRequest::descriptor()->file())));
  EXPECT_THAT(
      PathsOf(AdminMethods(services_)),
      ElementsAreArray(PathsOf(*v1::ListAppsRequest::descriptor()->file())));
}

// Which calls answer a request is found by its type.
TEST_F(ServicesTest, EachMethodHasRequestsOfItsOwn) {
  for (const auto* file : {v1::LoginRequest::descriptor()->file(),
                           v1::ListAppsRequest::descriptor()->file()}) {
    std::set<const google::protobuf::Descriptor*> requests;
    for (int m = 0; m < file->service(0)->method_count(); ++m) {
      const auto* method = file->service(0)->method(m);
      EXPECT_TRUE(requests.insert(method->input_type()).second)
          << method->full_name();
      EXPECT_FALSE(method->client_streaming()) << method->full_name();
    }
  }
}

}  // namespace
}  // namespace wxident
