#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/errors.hpp"
#include "ports/http.hpp"

/// AWS Signature Version 4 in the Authorization header (CONTRACT §12). Everything here is pure and may be
/// called on any thread. Errors: bad_signature, whose details say what is wrong and never hold a secret, a
/// signature or what was to be signed. Source: AWS, "Create a signed AWS API request"; the requests of its
/// SDK for JavaScript.
namespace carillon::authorizer {

/// What an Authorization header says. Views of its value.
struct SignatureHeader {
  std::string_view access_key_id;
  std::string_view scope;  ///< `date/region/service/aws4_request`
  std::string_view date;   ///< `YYYYMMDD`
  std::string_view region;
  std::string_view service;
  std::string_view signed_headers;             ///< as they stand there
  std::vector<std::string_view> header_names;  ///< the same one by one, in strictly rising order
  std::string_view signature;                  ///< 64 lower-case hexadecimal digits
};

/// What of a request is signed, beside what the signature itself must cover.
struct SigningRules {
  std::string_view service = "execute-api";
  base::milliseconds tolerance{300'000};  ///< by how much x-amz-date may be off, either way
};

inline constexpr std::size_t kMaxSignatureHeaderBytes = 4096;
inline constexpr std::size_t kMaxSignedHeaders = 64;

/// Whether a request claims to be signed: in an Authorization header, or in its query, where it is not
/// accepted.
bool carries_signature(const ports::HttpRequest& request);
/// Reads the value of an Authorization header, at most kMaxSignatureHeaderBytes long.
model::Result<SignatureHeader> parse_signature_header(std::string_view value);

/// The request in the form that is signed (its first line to the hash of its body). Errors: also where a
/// header that has to be signed is not, or one that is signed is not there exactly once.
model::Result<std::string> canonical_request(const ports::HttpRequest& request,
                                             const SignatureHeader& header);
/// The signature that `secret` gives for a canonical request of the time `amz_date`.
std::string signature_of(const SignatureHeader& header, std::string_view amz_date,
                         std::string_view canonical_request, std::string_view secret);
/// Whether the request is signed with `secret`, now, for this service, and its body is the signed one. Does
/// the same work whatever the secret.
model::Result<void> check_signature(const ports::HttpRequest& request, const SignatureHeader& header,
                                    std::string_view secret, base::EpochMs now,
                                    const SigningRules& rules = {});

}  // namespace carillon::authorizer
