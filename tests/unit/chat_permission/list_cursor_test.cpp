#include "chat_permission/list_cursor.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/bytes.hpp"

namespace carillon::chat_permission {
namespace {

using model::Target;
using model::TargetClass;

rc::Gen<std::string> id() {
  return rc::gen::nonEmpty(
      rc::gen::container<std::string>(rc::gen::elementOf(std::string("abcdefghijklmnopqrstuvwxyz:;-. 01"))));
}
rc::Gen<TargetClass> grantable() {
  return rc::gen::element(TargetClass::chat, TargetClass::org, TargetClass::hub, TargetClass::project);
}

RC_GTEST_PROP(ListCursor, gives_back_the_last_entry, ()) {
  const Target user = Target::user(*id()), target{*grantable(), *id()};
  RC_ASSERT(parse_list_cursor(user, list_cursor(user, target)) == target);
  RC_ASSERT(parse_list_cursor(target, list_cursor(target, user)) == user);
}

RC_GTEST_PROP(ListCursor, belongs_to_one_list, ()) {
  const Target user = Target::user(*id()), target{*grantable(), *id()};
  const Target other{*rc::gen::element(TargetClass::user, TargetClass::chat, TargetClass::org), *id()};
  RC_PRE(!(other == user));
  RC_ASSERT_FALSE(parse_list_cursor(other, list_cursor(user, target)));
}

RC_GTEST_PROP(ListCursor, takes_no_text_that_it_would_not_write, (const std::string& bytes)) {
  const Target list = Target::user("bob");
  const std::string mark = base::sha256(list.str()).substr(0, 8);
  for (const std::string& text : {bytes, base::base64url_encode(bytes), base::base64url_encode(mark + bytes)})
    if (const auto last = parse_list_cursor(list, text)) RC_ASSERT(list_cursor(list, *last) == text);
}

TEST(ListCursor, takes_the_longest_id) {
  std::string longest;
  for (int i = 0; i < 256; ++i) longest += "\xf0\x9f\x94\x94";
  const Target list = Target::user("bob"), last = Target::chat(longest);
  EXPECT_EQ(parse_list_cursor(list, list_cursor(list, last)), last);
  EXPECT_FALSE(parse_list_cursor(list, list_cursor(list, Target::chat(longest + "x"))));
  EXPECT_FALSE(parse_list_cursor(list, std::string(1 << 20, 'A')));
}

TEST(ListCursor, refuses_classes_that_the_list_cannot_hold) {
  const Target user = Target::user("bob"), chat = Target::chat("room");
  EXPECT_FALSE(parse_list_cursor(user, list_cursor(user, Target::user("ann"))));
  EXPECT_FALSE(parse_list_cursor(user, list_cursor(user, {TargetClass::all, "x"})));
  EXPECT_FALSE(parse_list_cursor(user, list_cursor(user, {static_cast<TargetClass>(200), "x"})));
  EXPECT_FALSE(parse_list_cursor(chat, list_cursor(chat, Target::chat("den"))));
  EXPECT_FALSE(parse_list_cursor(chat, list_cursor(chat, Target::user(""))));
}

}  // namespace
}  // namespace carillon::chat_permission
