// The attacks over TLS, of somebody who has a certificate and may call
// everything, and those that only TLS or our own services make possible.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/hostile/hostile_fixture.h"
#include "tests/integration/tls_world.h"

namespace wxident {
namespace {

#if defined(__SANITIZE_ADDRESS__)
// An instrumented server does not come to the 20,000 calls a second that
// everybody has.
constexpr char kPolicy[] = R"(allow:
  - {caller: spiffe://corp/*, methods: ["*"], apps: ["*"]}
limits:
  - {caller: "*", rate: 4000, burst: 4000, concurrency: 200}
)";
#else
constexpr char kPolicy[] = R"(allow:
  - {caller: spiffe://corp/*, methods: ["*"], apps: ["*"]}
)";
#endif

class TlsHostileTest : public HostileTest {
 protected:
  static void SetUpTestSuite() {
    auto world = std::make_shared<TlsWorld>();
    world->Write(world->dir() + "/policy.yaml", kPolicy);
    const std::vector<std::string> flags =
        world->Flags({"--grpc-reflection=true"});
    auto tls = std::shared_ptr<AttackersTls>(new AttackersTls{
        world->callers_ca, world->NewCaller("spiffe://corp/attacker")});
    const TestCertificate honest = world->NewCaller("spiffe://corp/honest");
    const TlsWorld& kept = *world;
    Serve(
        world, flags,
        [&kept, honest](const std::string& addr) {
          return kept.Connect(addr, honest);
        },
        std::move(tls));
  }
};

TEST_P(TlsHostileTest, HurtsNobodyElse) { Suffer(GetParam()); }

std::vector<Attack> Attacks() {
  std::vector<Attack> all;
  for (const auto& some :
       {StreamAttacks(), FrameAttacks(), RequestAttacks(), ConnectionAttacks(),
        AnswerAttacks(), HandshakeAttacks(), RecordAttacks(), ServiceAttacks()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, TlsHostileTest, testing::ValuesIn(Attacks()),
                         NameOf);

}  // namespace
}  // namespace wxident
