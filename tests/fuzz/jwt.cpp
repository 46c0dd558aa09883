// The token verifier and the JWKS parser. The first byte says how deep the rest goes: a whole token, the
// claims of a well-signed one, the header and claims of a well-signed one, or a key set.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "authorizer/jwt_verifier.hpp"
#include "authorizer/key_set.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace {

using carillon::authorizer::JwtVerifier;
using carillon::authorizer::KeySet;
using carillon::authorizer::KeySetPtr;
using carillon::authorizer::Settings;
namespace base = carillon::base;

constexpr base::EpochMs kNow = 1'750'000'000'000;
constexpr std::string_view kSecret = "thirty-two bytes, and some more.";

// The example keys of RFC 7515, appendices A.2 and A.3.
constexpr std::string_view kKeys =
    R"({"keys":[{"kid":"r","kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},)"
    R"({"kid":"e","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";

const KeySetPtr& keys() {
  static const KeySetPtr set = *KeySet::parse(kKeys, 1);
  return set;
}

const JwtVerifier& verifier() {
  static const JwtVerifier made = [] {
    Settings settings;
    settings.issuer = "i";
    settings.audience = {"a"};
    settings.hs256_secret = kSecret;
    settings.algorithms = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"};
    return JwtVerifier(std::move(settings));
  }();
  return made;
}

void check(bool holds) {
  if (!holds) std::abort();
}

void verify(std::string_view token, bool well_signed) {
  const auto verdict = verifier().verify(token, kNow, keys().get());
  if (!verdict.identity) {
    check(verdict.identity.error().status() == 401);
    return;
  }
  const auto& who = **verdict.identity;
  check(well_signed && verdict.unknown_kid.empty());
  check(base::valid_id(who.user.str()));
  check(who.expires_at + 60'000 > kNow);
}

std::string sign(std::string_view header, std::string_view claims) {
  std::string token = base::base64url_encode(header) + "." + base::base64url_encode(claims);
  const std::string signature = base::hmac_sha256(kSecret, token);
  return token + "." + base::base64url_encode(signature);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      verify(rest, false);
      break;
    case 1:
      verify(sign(R"({"alg":"HS256"})", rest), true);
      break;
    case 2: {
      const std::size_t middle = rest.find('\n');
      verify(sign(rest.substr(0, middle), middle == rest.npos ? "" : rest.substr(middle + 1)), true);
      break;
    }
    default:
      if (const auto set = KeySet::parse(rest, 2))
        check((*set)->size() > 0 && (*set)->size() <= KeySet::kMaxKeys);
  }
  return 0;
}
