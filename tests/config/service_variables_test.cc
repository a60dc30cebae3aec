#include "server/config/service_variables.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/config/config_keys.h"

namespace wxident {
namespace {

TEST(ServiceVariablesTest, KnowsWhatKubernetesMakes) {
  for (const auto& [name, value] : {
           std::pair("WXIDENT_SERVICE_HOST", "10.0.0.1"),
           std::pair("WXIDENT_SERVICE_HOST", "fd00::1"),
           std::pair("WXIDENT_SERVICE_PORT", "8443"),
           std::pair("WXIDENT_SERVICE_PORT_GRPC", "8443"),
           std::pair("WXIDENT_SERVICE_PORT_GRPC_TLS", "8443"),
           std::pair("WXIDENT_PORT", "tcp://10.0.0.1:8443"),
           std::pair("WXIDENT_PORT", "udp://10.0.0.1:53"),
           std::pair("WXIDENT_PORT_8443_TCP", "tcp://10.0.0.1:8443"),
           std::pair("WXIDENT_PORT_8443_TCP_PROTO", "tcp"),
           std::pair("WXIDENT_PORT_8443_TCP_PORT", "8443"),
           std::pair("WXIDENT_PORT_8443_TCP_ADDR", "10.0.0.1"),
           std::pair("WXIDENT_PORT_53_UDP_ADDR", "10.0.0.1"),
           std::pair("WXIDENT_PORT_9_SCTP", "sctp://10.0.0.1:9"),
           std::pair("WXIDENT_GRPC_SERVICE_HOST", "10.0.0.1"),
           std::pair("WXIDENT_GRPC_PORT", "tcp://10.0.0.1:8443"),
           std::pair("WXIDENT_ADMIN_PORT_8444_TCP_ADDR", "10.0.0.1"),
       })
    EXPECT_TRUE(IsServiceVariable(name, value)) << name;
}

TEST(ServiceVariablesTest, TakesNoSettingForOne) {
  for (const auto& [name, value] : {
           std::pair("WXIDENT_GRPC_ADRR", "127.0.0.1:1"),
           std::pair("WXIDENT_GRPC_PORT", "8443"),
           std::pair("WXIDENT_PORT", "8443"),
           std::pair("WXIDENT_PORT", ""),
           std::pair("WXIDENT_PORT_TCP", "tcp://10.0.0.1:1"),
           std::pair("WXIDENT_PORT__TCP", "tcp://10.0.0.1:1"),
           std::pair("WXIDENT_GRPC_ADDR", "tcp://10.0.0.1:1"),
           std::pair("WXIDENT_8443_TCP", "tcp://10.0.0.1:1"),
           std::pair("WXIDENT_SERVICE", "x"),
           std::pair("WXIDENT_HOST", "10.0.0.1"),
       })
    EXPECT_FALSE(IsServiceVariable(name, value)) << name;
}

TEST(ServiceVariablesTest, NoServiceSetsAKey) {
  for (const ConfigKey& key : ConfigKeys()) {
    const std::string variable = VariableOf(key.name);
    EXPECT_FALSE(IsServiceVariable(variable, "tcp://10.0.0.1:1")) << variable;
    EXPECT_NE(variable.rfind("WXIDENT_CLIENT_", 0), 0u) << variable;
  }
}

}  // namespace
}  // namespace wxident
