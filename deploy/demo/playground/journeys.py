"""Runs a policy's user journey: step by step, from page to page."""
import secrets
import uuid

import providers
from policies import PolicyError
from providers import Refused


class Journey:
    """One person's way through one policy. asked: the parameters of the request."""

    def __init__(self, policy, asked, language, trace):
        self.policy, self.asked, self.language, self.trace = policy, asked, language, trace
        self.name, self.csrf, self.cookie = secrets.token_urlsafe(16), secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.correlation = str(uuid.uuid4())
        self.claims, self.place = {}, 0
        self.waits = None      # the technical profile whose page is shown
        self.page_name = None  # its content definition
        self.combined = False
        self.confirmed = False
        self.sign_up = False   # chosen on the combined page


def is_skipped(preconditions, claims):
    for one in preconditions:
        value = claims.get(one.values[0].lower())
        holds = value is not None if one.kind == "ClaimsExist" else value is not None and providers.shown(value) == one.values[1]
        if holds == one.when:
            return True
    return False


class Engine:
    def __init__(self, directory, api):
        self.directory, self.api = directory, api

    def run(self, profile, journey, claims):
        """A technical profile that shows no page. Changes claims; raises Refused."""
        for name in profile.input_changes:
            providers.change(journey, name, claims)
        if profile.handler == "RestfulProvider":
            result = self.api.run(profile, journey, claims)
        elif profile.handler == "AzureActiveDirectoryProvider":
            result = self.directory.run(profile, journey, claims)
        elif profile.handler == "ClaimsTransformationProtocolProvider":
            result = {}
        elif profile.name == "login-NonInteractive":
            given = providers.inputs(profile, journey, claims)
            result = self.directory.sign_in(given["signInName"], given["password"])
        else:
            raise PolicyError(f"the playground cannot run {profile.name} ({profile.handler or profile.protocol})")
        providers.outputs(profile, journey, claims, result)
        for name in profile.output_changes:
            providers.change(journey, name, claims)

    def go_on(self, journey):
        """Up to the next page, or the end. Returns: True when a page waits, False when the claims may be sent. Raises Refused."""
        steps = journey.policy.journey
        while journey.place < len(steps):
            step = steps[journey.place]
            if is_skipped(step.preconditions, journey.claims):
                journey.place += 1
            elif step.kind == "SendClaims":
                return False
            elif self.take(journey, step):
                return True
        raise PolicyError("the journey sends no claims")

    def take(self, journey, step):
        """Returns: whether it shows a page."""
        if step.kind == "GetClaims":
            profile = journey.policy.profile(step.issuer)
            providers.outputs(profile, journey, journey.claims, providers.read_hint(profile, journey))
        elif step.kind == "CombinedSignInAndSignUp":
            journey.combined, journey.page_name = True, step.page
            journey.waits = journey.policy.profile(step.exchanges[step.validations[0]])
            return True
        elif step.kind == "ClaimsExchange":
            (name, *_) = step.exchanges.values()
            profile = journey.policy.profile(name)
            if profile.handler in ("SelfAssertedAttributeProvider", "PhoneFactorProtocolProvider"):
                journey.combined, journey.waits, journey.page_name = False, profile, profile.meta.get("ContentDefinitionReferenceId")
                return True
            self.run(profile, journey, journey.claims)
        else:
            raise PolicyError(f"the playground knows no step {step.kind}")
        journey.place += 1
        return False

    # what a page sends

    def post(self, journey, form):
        """The form of the page that is shown. Raises Refused with a text for it."""
        profile = journey.waits
        if profile.handler == "PhoneFactorProtocolProvider":
            self.post_phone(profile, journey, form)
        else:
            self.post_claims(profile, journey, form)
        journey.confirmed = True

    def post_phone(self, profile, journey, form):
        known = journey.claims.get("strongauthenticationphonenumber")
        number = known or form.get("number")
        if not number:
            raise Refused("Please give a telephone number.")
        if form.get("verificationCode") != providers.CODE:
            raise Refused("That is not the code. In the playground it is always " + providers.CODE + ".")
        providers.outputs(profile, journey, journey.claims, {"Verified.OfficePhone": number} | ({} if known else {"newPhoneNumberEntered": True}))

    def post_claims(self, profile, journey, form):
        local = journey.claims | {claim.name.lower(): value for claim in profile.lists["InputClaims"]
                                  if (value := providers.value_of(claim, journey, journey.claims)) is not None}
        for claim, about in displayed(profile, journey):
            if about.shown_as in ("Paragraph", "Readonly"):
                continue
            value = form.get(about.name)
            if claim.required and not value:
                raise Refused(f"Something is missing: {about.label}")
            if value is not None:
                local[claim.name.lower()] = providers.typed(journey.policy, claim.name, value) if value else None
        if form.get("newPassword") != form.get("reenterPassword"):
            raise Refused("The two passwords are not the same.")
        try:
            self.validate(profile, journey, local)
        except Refused as refusal:
            raise Refused(profile.meta.get(str(refusal), str(refusal))) from None
        for claim in profile.lists["OutputClaims"]:
            value = providers.value_of(claim, journey, local)
            if value is not None:
                journey.claims[claim.name.lower()] = value
        for name in profile.output_changes:
            providers.change(journey, name, journey.claims)

    def validate(self, profile, journey, local):
        for validation in profile.validations:
            if is_skipped(validation.preconditions, local):
                continue
            try:
                self.run(journey.policy.profile(validation.profile), journey, local)
            except Refused:
                if not validation.goes_on:
                    raise

    def confirm(self, journey):
        """The browser follows after a page was taken."""
        if not journey.confirmed:
            raise Refused("This page was not finished.")
        journey.waits, journey.confirmed, journey.place = None, False, journey.place + 1

    def choose_sign_up(self, journey):
        """The link below the sign-in form."""
        if not journey.combined:
            raise Refused("There is nothing to sign up for.")
        journey.waits, journey.place = None, journey.place + 1


def displayed(profile, journey):
    """The claims of a page, with their types, in order."""
    listed = profile.lists["DisplayClaims"] or profile.lists["OutputClaims"]
    found = [(claim, journey.policy.claim(claim.name)) for claim in listed]
    return [(claim, about) for claim, about in found if about and about.shown_as and not (claim.always and claim.default is not None)]
