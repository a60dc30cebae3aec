#ifndef WXIDENT_SERVER_TLS_TLS_FILES_H_
#define WXIDENT_SERVER_TLS_TLS_FILES_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/crypto/secret.h"
#include "server/tls/certificates.h"
#include "server/tls/crl_file.h"
#include "server/tls/tls_paths.h"
#include "server/tls/tls_server.h"

namespace wxident {

// What the files of TLS held at one moment: all of it fits together.
struct TlsSnapshot {
  // Shows the certificate, and asks for one of the CAs.
  std::shared_ptr<const TlsServer> server;
  // The server's own.
  Certificate certificate;
  RevokedCertificates revoked;
};

// Config keys, each with the end of a sentence.
using TlsProblems = std::vector<std::pair<std::string, std::string>>;

// What the files hold, fitting or not.
struct TlsTexts {
  // PEM, all of it; of the chain, the server's own certificate first.
  std::string certificate_chain;
  Secret private_key;
  std::string client_cas;
  // PEM or DER; nullptr: no file is named, or it cannot be read. CrlFile gives
  // one object for one text.
  std::shared_ptr<const std::string> crls;
  // Files that cannot be read.
  TlsProblems problems;

  bool operator==(const TlsTexts& other) const = default;
};

// A snapshot, or what is wrong.
struct TlsReading {
  // nullptr exactly when there are problems.
  std::shared_ptr<const TlsSnapshot> snapshot;
  TlsProblems problems;
};

// Reads the files that `paths` names; `crl_file` is the same each time.
TlsTexts ReadTlsTexts(const TlsPaths& paths, CrlFile& crl_file);

// Checks that the key is the certificate's, that the certificate holds `now`,
// that CAs are CAs, and that one of them has signed each CRL.
TlsReading CheckTlsTexts(const TlsTexts& texts, absl::Time now);

// The files of TLS as they come to be replaced. Whoever replaces them need not
// do it at once: what does not fit together, such as a new certificate whose
// key is still to come, leaves the snapshot that is there. newest() is
// thread-safe; the rest is for one thread.
class TlsFiles {
 public:
  // `paths` and `clock` outlive it. Errors: kInvalidArgument, a line for each
  // problem.
  static absl::StatusOr<std::unique_ptr<TlsFiles>> Open(const TlsPaths& paths,
                                                        Clock& clock);

  // Never nullptr.
  std::shared_ptr<const TlsSnapshot> newest() const;

  // Takes what the files hold if that is new. Whether it was. Errors as of
  // Open.
  absl::StatusOr<bool> Reload();

  // The same for files that nobody has said to be ready: what is new is taken
  // when two looks have found it the same, so that none is taken that is still
  // being written. What is bad is an error once, and is taken should time make
  // it good.
  absl::StatusOr<bool> Look();

 private:
  TlsFiles(const TlsPaths& paths, Clock& clock)
      : paths_(paths), clock_(clock) {}
  absl::Status Take(const TlsTexts& texts);

  const TlsPaths& paths_;
  Clock& clock_;
  CrlFile crl_file_;
  TlsTexts taken_;
  // By the last look.
  TlsTexts seen_;
  TlsTexts refused_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsSnapshot> newest_;  // guarded by mutex_
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_TLS_TLS_FILES_H_
