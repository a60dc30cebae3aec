#include "server/http/curl_version.h"

#include <curl/curl.h>

namespace wxident {

std::string CurlVersion() {
  return curl_version_info(CURLVERSION_NOW)->version;
}

}  // namespace wxident
