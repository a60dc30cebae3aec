#ifndef WXIDENT_SERVER_IDENTITY_AUTHORIZED_H_
#define WXIDENT_SERVER_IDENTITY_AUTHORIZED_H_

#include <string>
#include <utility>

#include "server/identity/apps.h"
#include "server/identity/types.h"

namespace wxident {

// Values that prove that the caller of an RPC may have what they are about.
// The guard of the calls (RpcContext) makes them when it has asked the policy;
// nothing else can. A flow that needs the caller's right takes one of them, and
// a call without one cannot answer. They are copied freely.

// The proof alone, whatever it was given for.
class Authorized {
 private:
  friend class RpcContext;
  friend class AuthorizedForTest;

  // Not defaulted here: it would then be trivial for everybody.
  Authorized() {}
};

// For an answer about nobody, which holds nothing of any app.
class NoApp : public Authorized {
 private:
  friend class RpcContext;

  explicit NoApp(Authorized proof) : Authorized(proof) {}
};

// For what spans apps.
class AuthorizedEveryApp : public Authorized {
 private:
  friend class RpcContext;
  friend class AuthorizedForTest;

  explicit AuthorizedEveryApp(Authorized proof) : Authorized(proof) {}
};

// An app of the configuration, which outlives every call.
class AuthorizedApp : public Authorized {
 public:
  const App& operator*() const { return *app_; }
  const App* operator->() const { return app_; }

 private:
  friend class RpcContext;
  friend class AuthorizedForTest;

  AuthorizedApp(Authorized proof, const App& app)
      : Authorized(proof), app_(&app) {}

  const App* app_;
};

// One of the people of such an app, known or not.
class AuthorizedPerson : public Authorized {
 public:
  AuthorizedApp app() const { return app_; }
  // Its app_id is the app's.
  const Identity& identity() const { return identity_; }

 private:
  friend class RpcContext;
  friend class AuthorizedForTest;

  AuthorizedPerson(AuthorizedApp app, Identity identity)
      : Authorized(app), app_(app), identity_(std::move(identity)) {}

  AuthorizedApp app_;
  Identity identity_;
};

// An active session. Refers to what it was given for. Its app need not be in
// the configuration any more.
class AuthorizedSession : public Authorized {
 public:
  const Session& operator*() const { return *session_; }
  const Session* operator->() const { return session_; }

 private:
  friend class RpcContext;

  AuthorizedSession(Authorized proof, const Session& session)
      : Authorized(proof), session_(&session) {}

  const Session* session_;
};

// The token of a session that is or was, to end it or to go on with it.
class AuthorizedToken : public Authorized {
 public:
  // Its SHA-256.
  const std::string& hash() const { return hash_; }

 private:
  friend class RpcContext;
  friend class AuthorizedForTest;

  AuthorizedToken(Authorized proof, std::string hash)
      : Authorized(proof), hash_(std::move(hash)) {}

  std::string hash_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_IDENTITY_AUTHORIZED_H_
