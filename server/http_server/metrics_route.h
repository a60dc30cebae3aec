#ifndef WXIDENT_SERVER_HTTP_SERVER_METRICS_ROUTE_H_
#define WXIDENT_SERVER_HTTP_SERVER_METRICS_ROUTE_H_

#include <utility>

#include "server/base/metrics.h"
#include "server/http_server/web_messages.h"

namespace wxident {

// "/metrics": Prometheus' text of `metrics`, which outlives its server.
inline WebRoutes MetricsRoutes(const Metrics& metrics) {
  return {{"/metrics",
           {.method = "GET",
            .handler = [&metrics](const WebRequest&, WebDone done) {
              std::move(done)(
                  {.body = metrics.Text(),
                   .content_type = "text/plain; version=0.0.4; charset=utf-8"});
            }}}};
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_SERVER_METRICS_ROUTE_H_
