#ifndef WXIDENT_SERVER_CONFIG_SERVICE_VARIABLES_H_
#define WXIDENT_SERVER_CONFIG_SERVICE_VARIABLES_H_

#include "absl/strings/string_view.h"

namespace wxident {

// Whether a variable is one of those that Kubernetes sets in every pod for each
// Service of its namespace. Of a Service "wxident" with a port "grpc":
//
//   WXIDENT_SERVICE_HOST=10.0.0.1        WXIDENT_PORT=tcp://10.0.0.1:8443
//   WXIDENT_SERVICE_PORT=8443            WXIDENT_PORT_8443_TCP=tcp://...
//   WXIDENT_SERVICE_PORT_GRPC=8443       WXIDENT_PORT_8443_TCP_PROTO=tcp
//   WXIDENT_PORT_8443_TCP_PORT=8443      WXIDENT_PORT_8443_TCP_ADDR=10.0.0.1
bool IsServiceVariable(absl::string_view name, absl::string_view value);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_SERVICE_VARIABLES_H_
