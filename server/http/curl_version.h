#ifndef WXIDENT_SERVER_HTTP_CURL_VERSION_H_
#define WXIDENT_SERVER_HTTP_CURL_VERSION_H_

#include <string>

namespace wxident {

// Of the library that is loaded: "7.88.1".
std::string CurlVersion();

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_CURL_VERSION_H_
