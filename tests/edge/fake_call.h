#ifndef WXIDENT_TESTS_EDGE_FAKE_CALL_H_
#define WXIDENT_TESTS_EDGE_FAKE_CALL_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/call.h"

namespace wxident {

// A call as a test wants it to have come; its answer goes nowhere.
class FakeCall final : public Call {
 public:
  const std::string& path() const override { return path_; }
  const MetadataFields& metadata() const override { return metadata_; }
  const EdgePeer& peer() const override { return peer_; }
  absl::Duration deadline() const override { return absl::InfiniteDuration(); }
  bool cancelled() const override { return false; }
  void AddInitialMetadata(absl::string_view, absl::string_view) override {}
  void Write(std::string) override {}
  void Finish(CallStatus) override {}
  void Reply(std::string) override {}

  std::string path_;
  MetadataFields metadata_;
  EdgePeer peer_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_FAKE_CALL_H_
