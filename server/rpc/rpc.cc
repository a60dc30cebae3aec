#include "server/rpc/rpc.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace wxident {
namespace {

constexpr char kSeconds[] = "wxident_rpc_seconds";
constexpr absl::string_view kOk = "OK";

const google::protobuf::MethodDescriptor& MethodThatTakes(
    const google::protobuf::Descriptor& request) {
  const google::protobuf::FileDescriptor& file = *request.file();
  for (int s = 0; s < file.service_count(); ++s)
    for (int m = 0; m < file.service(s)->method_count(); ++m)
      if (file.service(s)->method(m)->input_type() == &request)
        return *file.service(s)->method(m);
  std::abort();
}

// A call that nobody has thought about is never served.
MethodRules RulesOrEnd(const google::protobuf::MethodDescriptor& method) {
  absl::StatusOr<MethodRules> rules = RulesOf(method);
  if (!rules.ok()) {
    Log(LogLevel::kError, "method without rules",
        {{"message", std::string(rules.status().message())}});
    std::abort();
  }
  return *rules;
}

}  // namespace

Rpc::Rpc(const Services& services, const google::protobuf::Descriptor& request)
    : services_(services),
      method_(MethodThatTakes(request)),
      rules_(RulesOrEnd(method_)),
      ok_(services_.metrics.TimingOf(
          kSeconds, {{"rpc", method_.name()}, {"reason", std::string(kOk)}})) {}

std::string Rpc::path() const {
  return absl::StrCat("/", method_.service()->full_name(), "/", name());
}

void Rpc::Measure(absl::string_view reason, absl::Duration took) const {
  if (reason == kOk) return ok_.Observe(took);
  services_.metrics.Observe(
      kSeconds, {{"rpc", name()}, {"reason", std::string(reason)}}, took);
}

}  // namespace wxident
