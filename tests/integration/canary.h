#ifndef WXIDENT_TESTS_INTEGRATION_CANARY_H_
#define WXIDENT_TESTS_INTEGRATION_CANARY_H_

#include <google/protobuf/message.h>

#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// Whether a secret got to where people look: it is told the secrets of a test,
// and what programs wrote, and searches the one for the other. Every World has
// one. Thread-safe.
class Canary {
 public:
  // `kind` says what it is: "a session token". Texts of less than 8 bytes are
  // not looked for: tests use such names where nothing is secret.
  void AddSecret(const std::string& kind, const std::string& text);
  // A key as its file has it, base64: also its bytes, and both cases of
  // hexadecimal digits.
  void AddKey(const std::string& kind, const std::string& base64);
  // Every sensitive field of what a server answered.
  void AddSecretsOf(const google::protobuf::Message& answer);

  // What was written, and where: "stderr of wxidentd".
  void AddOutput(const std::string& place, std::string text);

  struct Hit {
    std::string kind;
    std::string place;
    // With the secret blotted out.
    std::string line;
  };
  // The first place of each kind of secret in each output.
  std::vector<Hit> Search() const;
  // Fails the test for each of them, and forgets the outputs.
  void Check();

  size_t secrets() const;

 private:
  mutable std::mutex mutex_;
  // Text and kind.
  std::unordered_map<std::string, std::string> secrets_;
  // Place and text: a text that is there is not searched twice.
  std::set<std::pair<std::string, std::string>> outputs_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_CANARY_H_
