#ifndef WXIDENT_TESTS_IDENTITY_AUTHORIZED_FOR_TEST_H_
#define WXIDENT_TESTS_IDENTITY_AUTHORIZED_FOR_TEST_H_

#include <string>
#include <utility>

#include "server/identity/authorized.h"
#include "server/person/authorized.h"

namespace wxident {

// Gives tests of flows what the guard of the calls gives in the server.
class AuthorizedForTest {
 public:
  static AuthorizedEveryApp EveryApp() {
    return AuthorizedEveryApp(Authorized());
  }
  static AuthorizedApp OfApp(const App& app) {
    return AuthorizedApp(Authorized(), app);
  }
  static AuthorizedPerson OfPerson(const App& app, std::string openid) {
    return AuthorizedPerson(OfApp(app), {app.app_id, std::move(openid), ""});
  }
  static AuthorizedKeys OfKeys(const App& app, SessionWithKeys stored) {
    return AuthorizedKeys(OfApp(app), std::move(stored));
  }
  static AuthorizedToken OfToken(std::string hash) {
    return AuthorizedToken(Authorized(), std::move(hash));
  }
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_IDENTITY_AUTHORIZED_FOR_TEST_H_
