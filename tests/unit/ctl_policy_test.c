/* ctl_policy: what a settings file may say, how templates are filled in, and which policies the check refuses. */
#include "ctl/ctl_policy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GUID "11111111-2222-4333-8444-555555555555"
#define GOOD                                                                                                           \
	"Journeys = jumio\nTenant = contoso.onmicrosoft.com\nApiUrl = https://idv.contoso.com\nTokenAudience = a\n"    \
	"ExtensionsAppId = " GUID "\nExtensionsAppObjectId = " GUID "\n"
#define POLICY_START                                                                                                   \
	"<TrustFrameworkPolicy xmlns=\"http://schemas.microsoft.com/online/cpim/schemas/2013/06\" "                    \
	"PolicySchemaVersion=\"0.3.0.0\" TenantId=\"t\" PublicPolicyUri=\"http://t\" PolicyId=\""
#define POLICY_END "</TrustFrameworkPolicy>"
enum { COMPLAINTS_BYTES = 4096 };

static enum err_code read_settings(const char *text, bool loopback, struct policy_settings *settings, char *complaints)
{
	FILE *file = fmemopen(complaints, COMPLAINTS_BYTES, "w");
	assert_non_null(file);
	enum err_code code = policy_settings_read(text, loopback, file, settings);
	assert_int_equal(fclose(file), 0);
	return code;
}

static void settings_are_read_and_defaults_filled_in(void **state)
{
	struct policy_settings settings;
	char complaints[COMPLAINTS_BYTES] = "";
	(void)state;
	assert_int_equal(read_settings("# a comment\n\r\n  Name  =  Mine \r\n" GOOD, false, &settings, complaints),
	                 ERR_OK);
	assert_string_equal(complaints, "");
	assert_string_equal(settings.value[POLICY_NAME], "Mine");
	assert_string_equal(settings.value[POLICY_API_AUTH], "api-key");
	assert_string_equal(settings.value[POLICY_UI_URL], "https://idv.contoso.com/ui");
}

static void every_mistake_of_a_settings_file_is_told_with_its_line(void **state)
{
	struct policy_settings settings;
	char complaints[COMPLAINTS_BYTES] = "";
	static const char *const told[] = {
	        "line 1: Journeys: which set: jumio, biocatch",
	        "line 2: Tenant: not like",
	        "line 3: ApiUrl: not an https://",
	        "line 4: Nonsense: no such",
	        "line 5: this line: not",
	        "line 6: ExtensionsAppId: not a GUID",
	        "line 7: ApiKeyHeader: only",
	        "line 9: Name: given twice",
	        "line 10: TokenAudience: quotes",
	        "OAuthTokenUrl: is missing",
	};
	(void)state;
	assert_int_equal(
	        read_settings("Journeys = all\nTenant = contoso.com\nApiUrl = http://idv.contoso.com\nNonsense = 1\n"
	                      "no equals sign\nExtensionsAppId = 11\nApiKeyHeader = X Key\nName = A\nName = B\n"
	                      "TokenAudience = a\"b\nApiAuth = oauth\n",
	                      false, &settings, complaints),
	        ERR_INVALID);
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		if (!strstr(complaints, told[i]))
			fail_msg("\"%s\" is not told: %s", told[i], complaints);
	assert_null(strstr(complaints, "Tenant: is missing"));
}

/* HighRisk = block in the combined set would block nobody. */
static void a_setting_that_would_change_nothing_is_refused(void **state)
{
	static const struct {
		const char *more;
		const char *told;
	} cases[] = {
	        {"HighRisk = block\n", "HighRisk: changes nothing"},
	        {"SecondFactorAtSignUp = always\n", "SecondFactorAtSignUp: changes nothing"},
	        {"SocialProfile = Facebook-OAUTH\n", "SocialProfile: changes nothing"},
	        {"HighRisk = mfa\n", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct policy_settings settings;
		char complaints[COMPLAINTS_BYTES] = "", text[COMPLAINTS_BYTES];
		(void)snprintf(text, sizeof text, GOOD "%s", cases[i].more);
		assert_int_equal(read_settings(text, false, &settings, complaints),
		                 cases[i].told ? ERR_INVALID : ERR_OK);
		if (cases[i].told)
			assert_non_null(strstr(complaints, cases[i].told));
	}
}

static void http_is_taken_for_loopback_only_and_only_when_asked_for(void **state)
{
	(void)state;
	assert_true(policy_url_is_good("https://idv.contoso.com/x", false));
	assert_false(policy_url_is_good("http://127.0.0.1:8080", false));
	assert_true(policy_url_is_good("http://127.0.0.1:8080", true));
	assert_false(policy_url_is_good("http://idv.contoso.com", true));
	assert_false(policy_url_is_good("https://a\"b", true));
	assert_false(policy_url_is_good("idv.contoso.com", true));
}

static enum err_code render(const char *settings_text, const char *template, char *ret_text)
{
	static const struct policy_part part = {"x", "Jumio", "Api"};
	struct policy_settings settings;
	char complaints[COMPLAINTS_BYTES] = "";
	struct buf out;
	struct err err = {ERR_OK, ""};
	assert_int_equal(read_settings(settings_text, false, &settings, complaints), ERR_OK);
	buf_init(&out, COMPLAINTS_BYTES);
	enum err_code code = policy_render_text(&settings, &part, template, strlen(template), &out, &err);
	(void)snprintf(ret_text, COMPLAINTS_BYTES, "%s", code == ERR_OK ? out.data : err.msg);
	buf_fini(&out);
	return code;
}

static void placeholders_steps_and_conditions_are_filled_in(void **state)
{
	char text[COMPLAINTS_BYTES];
	(void)state;
	assert_int_equal(
	        render(GOOD "BasePolicy = A-B\n",
	               "{Settings:PolicyId} {Settings:ParentPolicy} {Settings:ReturnPolicy}\n"
	               "<?when ApiAuth=basic?>\nbasic {Settings:Order}\n<?end?>\n"
	               "<?when BasePolicy?>\n{Settings:BasePolicy}\n<?end?>\n"
	               "<?when ApiAuth=basic|SocialProfile?>\nneither\n<?end?>\n"
	               "<?when ApiAuth=basic|Journeys=jumio?>\nor\n<?end?>\n"
	               "<OrchestrationSteps>{Settings:Order}{Settings:Order}<OrchestrationSteps>{Settings:Order}"
	               "<?when ApiAuth=api-key?>x<?end?>{Culture:RFC5646}<a/>",
	               text),
	        ERR_OK);
	assert_string_equal(text, "B2C_1A_Verifyd_Jumio B2C_1A_Verifyd_Api B2C_1A_Verifyd_Return\nA-B\nor\n"
	                          "<OrchestrationSteps>12<OrchestrationSteps>1x{Culture:RFC5646}<a/>");
}

static void a_template_that_cannot_be_filled_in_is_refused(void **state)
{
	char text[COMPLAINTS_BYTES];
	static const char *const bad[] = {
	        "{Settings:Nonsense}",
	        "{Settings:SocialProfile}",
	        "{Settings:Tenant",
	        "<?when Tenant?>",
	        "<?end?>",
	        "<?when Nonsense=1?>x<?end?>",
	        "<?when Tenant|Nonsense?>x<?end?>",
	        "<?when Tenant|?>x<?end?>",
	        "<?when Tenant?><?when Tenant?><?end?><?end?>",
	        "<?when Tenant",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (render(GOOD, bad[i], text) != ERR_INVALID)
			fail_msg("%s is taken", bad[i]);
		assert_true(*text);
	}
}

static void every_set_is_made_without_a_placeholder_left(void **state)
{
	static const char *const all[] = {"jumio", "biocatch", "combined"}, *const auths[] = {"api-key", "basic",
	                                                                                      "certificate", "oauth"};
	(void)state;
	for (size_t i = 0; i < 12; i++) {
		struct policy_settings settings;
		char complaints[COMPLAINTS_BYTES] = "", more[COMPLAINTS_BYTES];
		const struct policy_part *parts[POLICY_PARTS_MAX];
		(void)snprintf(more, sizeof more, "%sApiAuth = %s\nOAuthTokenUrl = https://a\nOAuthScope = b\n",
		               &GOOD[strlen("Journeys = jumio\n")], auths[i % 4]);
		(void)snprintf(more + strlen(more), sizeof more - strlen(more), "Journeys = %s\n", all[i / 4]);
		assert_int_equal(read_settings(more, false, &settings, complaints), ERR_OK);
		size_t count = policy_parts(all[i / 4], parts);
		assert_true(count >= 4);
		for (size_t k = 0; k < count; k++) {
			struct buf out;
			struct err err = {ERR_OK, ""};
			buf_init(&out, POLICY_MAX_BYTES);
			assert_int_equal(policy_render(&settings, parts[k], &out, &err), ERR_OK);
			assert_null(strstr(out.data, "{Settings:"));
			assert_null(strstr(out.data, "<?when"));
			assert_null(strstr(out.data, "<?end"));
			buf_fini(&out);
		}
	}
}

/* Checks one policy, which builds on BASE. Returns: what was complained of; freed by the next call. */
static const char *check_by(const char *schema, const char *content)
{
	static char complaints[COMPLAINTS_BYTES];
	char folder[] = "/tmp/verifyd-policy-XXXXXX", path[sizeof folder + 16];
	struct policy_check *one;
	struct err err = {ERR_OK, ""};
	size_t policies = 0;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/one.xml", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
	memset(complaints, 0, sizeof complaints);
	FILE *out = fmemopen(complaints, sizeof complaints, "w");
	const struct policy_check_options options = {.complaints = out, .schema = schema};
	assert_int_equal(policy_check_new(&options, &one), ERR_OK);
	assert_int_equal(policy_check_add(one, folder, false, &err), ERR_OK);
	size_t mistakes = policy_check_run(one, &policies);
	policy_check_free(one);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(mistakes > 0, *complaints != '\0'); /* none of these has but notes */
	return complaints;
}

static const char *check(const char *content)
{
	return check_by(NULL, content);
}

#define PROFILES(inner)                                                                                                \
	"<ClaimsProviders><ClaimsProvider><TechnicalProfiles>" inner                                                   \
	"</TechnicalProfiles></ClaimsProvider></ClaimsProviders>"
#define STEPS(inner)                                                                                                   \
	"<UserJourneys><UserJourney Id=\"J\"><OrchestrationSteps>" inner                                               \
	"</OrchestrationSteps></UserJourney></UserJourneys>"

static void what_b2c_would_refuse_is_refused_here(void **state)
{
	static const struct {
		const char *content, *told;
	} cases[] = {
	        {"<a>", "not well-formed"},
	        {"<a/>", "no TrustFrameworkPolicy"},
	        {"<!DOCTYPE x>" POLICY_START "B2C_1A_A\">" POLICY_END, "DTD"},
	        {POLICY_START "B2C_1A_A\"><BasePolicy><PolicyId>B2C_1A_Base</PolicyId></BasePolicy>" POLICY_END,
	         "B2C_1A_Base, which is not there"},
	        {POLICY_START "B2C_1A_A\"><BasePolicy><PolicyId>B2C_1A_A</PolicyId></BasePolicy>" POLICY_END,
	         "or on itself"},
	        {POLICY_START "{Settings:PolicyId}\">" POLICY_END, "not filled in"},
	        {POLICY_START "B2C_1A_A\"><?when x?>" POLICY_END, "not filled in"},
	        {POLICY_START "B2C_1A_A\">" PROFILES("<TechnicalProfile Id=\"A\"/><TechnicalProfile Id=\"A\"/>")
	                 POLICY_END,
	         "is defined in line 1, too"},
	        {POLICY_START "B2C_1A_A\">" PROFILES("<TechnicalProfile Id=\"A\"><InputClaims><InputClaim "
	                                             "ClaimTypeReferenceId=\"no\"/></InputClaims></TechnicalProfile>")
	                 POLICY_END,
	         "claim \"no\" is not defined"},
	        {POLICY_START "B2C_1A_A\">" PROFILES(
	                 "<TechnicalProfile Id=\"A\"><IncludeTechnicalProfile ReferenceId=\" A\"/></TechnicalProfile>")
	                 POLICY_END,
	         "technical profile \" A\" is not defined"},
	        {POLICY_START "B2C_1A_A\">" PROFILES(
	                 "<TechnicalProfile Id=\"A\"><Metadata><Item "
	                 "Key=\"ContentDefinitionReferenceId\">c</Item></Metadata></TechnicalProfile>") POLICY_END,
	         "content definition \"c\" is not defined"},
	        {POLICY_START "B2C_1A_A\">" PROFILES(
	                 "<TechnicalProfile Id=\"A\"><Metadata><Item "
	                 "Key=\"ServiceUrl\">http://127.0.0.1/x</Item></Metadata></TechnicalProfile>") POLICY_END,
	         "without https"},
	        {POLICY_START "B2C_1A_A\">" PROFILES(
	                 "<TechnicalProfile Id=\"A\"><Metadata><Item "
	                 "Key=\"AuthenticationType\">None</Item></Metadata></TechnicalProfile>") POLICY_END,
	         "everybody may call"},
	        {POLICY_START "B2C_1A_A\">" STEPS("<OrchestrationStep Order=\"2\" Type=\"SendClaims\"/>") POLICY_END,
	         "step 1 has the Order 2"},
	        {POLICY_START "B2C_1A_A\">" STEPS(
	                 "<OrchestrationStep Order=\"1\"><ClaimsProviderSelections><ClaimsProviderSelection "
	                 "TargetClaimsExchangeId=\"E\"/></ClaimsProviderSelections></OrchestrationStep>") POLICY_END,
	         "claims exchange \"E\" is not in"},
	        {POLICY_START "B2C_1A_A\">" STEPS("<OrchestrationStep "
	                                          "Order=\"1\"><Preconditions><Precondition><Value>no</Value><Value>1</"
	                                          "Value></Precondition></Preconditions></OrchestrationStep>")
	                 POLICY_END,
	         "claim \"no\" is not defined"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *complaints = check(cases[i].content);
		if (!strstr(complaints, cases[i].told))
			fail_msg("%s: \"%s\" is not told: %s", cases[i].content, cases[i].told, complaints);
	}
}

/* Microsoft's schema writes some patterns as .NET does. */
static void a_schema_is_asked_and_may_have_patterns_of_another_kind(void **state)
{
	static const char schema_text[] =
	        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' "
	        "targetNamespace='http://schemas.microsoft.com/online/cpim/schemas/2013/06'>"
	        "<xs:element name='TrustFrameworkPolicy'><xs:complexType><xs:attribute name='PolicySchemaVersion'/>"
	        "<xs:attribute name='TenantId'/><xs:attribute name='PolicyId'/><xs:attribute name='PublicPolicyUri'>"
	        "<xs:simpleType><xs:restriction base='xs:string'><xs:pattern value='^http:\\/\\/[\\^t\\\\$]+$'/>"
	        "</xs:restriction></xs:simpleType></xs:attribute></xs:complexType></xs:element></xs:schema>";
	char path[] = "/tmp/verifyd-schema-XXXXXX";
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd >= 0 && write(fd, schema_text, strlen(schema_text)) == (ssize_t)strlen(schema_text));
	assert_int_equal(close(fd), 0);
	assert_string_equal(check_by(path, POLICY_START "B2C_1A_A\">" POLICY_END), "");
	assert_non_null(strstr(check_by(path, "<TrustFrameworkPolicy xmlns=\"http://schemas.microsoft.com/online/"
	                                      "cpim/schemas/2013/06\" PolicyId=\"B2C_1A_A\" "
	                                      "PublicPolicyUri=\"http:x\"/>"),
	                       "PublicPolicyUri"));
	assert_int_equal(unlink(path), 0);
	assert_non_null(strstr(check_by(path, POLICY_START "B2C_1A_A\">" POLICY_END), "cannot be used as a schema"));
}

static void a_policy_without_mistakes_passes(void **state)
{
	(void)state;
	assert_string_equal(
	        check(POLICY_START
	              "B2C_1A_A\"><!-- {Settings:X} in a comment is nothing -->"
	              "<BuildingBlocks><ClaimsSchema><ClaimType Id=\"c\"/></ClaimsSchema></BuildingBlocks>" PROFILES(
	                      "<TechnicalProfile Id=\"A\"><InputClaims><InputClaim ClaimTypeReferenceId=\"c\" "
	                      "DefaultValue=\"https://a\"/></InputClaims></TechnicalProfile>")
	                      STEPS("<OrchestrationStep Order=\"1\"><ClaimsExchanges><ClaimsExchange Id=\"E\" "
	                            "TechnicalProfileReferenceId=\"A\"/></ClaimsExchanges></OrchestrationStep>")
	                              POLICY_END),
	        "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(settings_are_read_and_defaults_filled_in),
	        cmocka_unit_test(every_mistake_of_a_settings_file_is_told_with_its_line),
	        cmocka_unit_test(a_setting_that_would_change_nothing_is_refused),
	        cmocka_unit_test(http_is_taken_for_loopback_only_and_only_when_asked_for),
	        cmocka_unit_test(placeholders_steps_and_conditions_are_filled_in),
	        cmocka_unit_test(a_template_that_cannot_be_filled_in_is_refused),
	        cmocka_unit_test(every_set_is_made_without_a_placeholder_left),
	        cmocka_unit_test(what_b2c_would_refuse_is_refused_here),
	        cmocka_unit_test(a_schema_is_asked_and_may_have_patterns_of_another_kind),
	        cmocka_unit_test(a_policy_without_mistakes_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
