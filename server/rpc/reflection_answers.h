#ifndef WXIDENT_SERVER_RPC_REFLECTION_ANSWERS_H_
#define WXIDENT_SERVER_RPC_REFLECTION_ANSWERS_H_

#include <google/protobuf/descriptor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/rpc/grpc/reflection/v1/reflection.pb.h"

namespace wxident {

// What server reflection tells of some services and of every file that they
// need: all its answers, made once. Immutable.
class ReflectionAnswers {
 public:
  // The services outlive it.
  explicit ReflectionAnswers(
      const std::vector<const google::protobuf::ServiceDescriptor*>& services);

  // Of a ServerReflectionResponse in its binary form, the field that answers
  // `request`; an error_response where there is nothing of the kind.
  std::string AnswerTo(
      const grpc::reflection::v1::ServerReflectionRequest& request) const;

 private:
  class Builder;

  std::string services_;
  // By their names; others point into it.
  std::map<std::string, std::string> files_;
  // The file of each full name.
  absl::flat_hash_map<std::string, const std::string*> symbols_;
  // By the message that is extended, and the number.
  absl::flat_hash_map<std::pair<std::string, int>, const std::string*>
      extensions_;
  // By a message's full name.
  absl::flat_hash_map<std::string, std::string> extension_numbers_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_REFLECTION_ANSWERS_H_
