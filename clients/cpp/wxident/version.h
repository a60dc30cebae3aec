#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_VERSION_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_VERSION_H_

namespace wxident::client {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_VERSION_H_
