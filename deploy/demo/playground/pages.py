"""What the playground shows: a page of a journey, put together in the browser as B2C does (our page is fetched from its LoadUri, across
origins; our script runs in it), and the pages around it."""
import html
import json
from pathlib import Path

import providers
from journeys import displayed

HERE = Path(__file__).resolve().parent
# B2C has texts of its own for these, in the person's language; the policies do not set them.
GERMAN = {
    "E-mail address": "E-Mail-Adresse", "Password": "Passwort", "New password": "Neues Passwort", "The password again": "Das Passwort noch einmal",
    "Name": "Name", "Sign in": "Anmelden", "Sign up now": "Jetzt registrieren", "Don't have an account?": "Noch kein Konto?", "Continue": "Weiter",
    "Cancel": "Abbrechen", "Create": "Konto anlegen", "Telephone number": "Telefonnummer", "Code": "Code", "Verify code": "Code prüfen",
    "We know this number": "Diese Nummer kennen wir", "I agree": "Ich bin einverstanden",
    "I agree that my document and my picture are checked": "Ich bin einverstanden, dass mein Ausweis und mein Bild geprüft werden",
}
ERRORS = ('<div class="error pageLevel" id="claimVerificationServerError" role="alert" aria-hidden="true" style="display:none"></div>')


def word(journey, english):
    return html.escape(GERMAN.get(english, english) if journey.language.startswith("de") else english)


def control(journey, about, name, value):
    given = html.escape("" if value is None else providers.shown(value))
    name = html.escape(name)
    if about.shown_as == "Paragraph":
        return f'<p id="{name}" class="textParagraph">{given}</p>'
    if about.shown_as == "CheckboxMultiSelect":
        return "".join(f'<input type="checkbox" id="{name}_{html.escape(one)}" name="{name}" value="{html.escape(one)}">'
                       f'<label for="{name}_{html.escape(one)}">{word(journey, label)}</label>' for label, one in about.choices)
    kind = {"Password": "password", "EmailBox": "email"}.get(about.shown_as, "text")
    fill = {"password": "current-password", "newPassword": "new-password", "reenterPassword": "new-password", "displayName": "name"}
    hint = fill.get(name, "email" if kind == "email" else "off")
    readonly = " readonly" if about.shown_as == "Readonly" else ""
    return f'<input id="{name}" name="{name}" class="textInput" type="{kind}" value="{given}" autocomplete="{hint}"{readonly}>'


def row(journey, claim, about):
    value = providers.value_of(claim, journey, journey.claims)
    for one in journey.waits.lists["InputClaims"]:
        if one.name.lower() == claim.name.lower():
            value = providers.value_of(one, journey, journey.claims)
    box = control(journey, about, about.name, value)
    label = word(journey, about.label)
    if about.shown_as == "CheckboxMultiSelect":
        return f'<li class="CheckboxMultiSelect"><div class="attrEntry"><fieldset><legend>{label}</legend>{box}</fieldset></div></li>'
    head = f"<p>{label}</p>" if about.shown_as == "Paragraph" else f'<label for="{html.escape(about.name)}">{label}</label>'
    return f'<li class="{about.shown_as}"><div class="attrEntry">{head}{box}</div></li>'


def button(journey, name, text):
    return f'<button id="{name}" type="{"submit" if name != "cancel" else "button"}">{word(journey, text)}</button>'


def markup(journey):
    """B2C's part of the page, as its page layouts have it."""
    profile, meta = journey.waits, journey.waits.meta
    if profile.handler == "PhoneFactorProtocolProvider":
        known = journey.claims.get("strongauthenticationphonenumber")
        number = (f'<p>{word(journey, "We know this number")}: <span id="phoneOnFile">XXX-{html.escape(known[-4:])}</span></p>' if known else
                  f'<label for="number">{word(journey, "Telephone number")}</label><input id="number" type="tel" autocomplete="tel">')
        return (f'<form class="phone">{ERRORS}<div class="attrEntry">{number}</div><div class="attrEntry"><label for="verificationCode">{word(journey, "Code")}</label>'
                f'<input id="verificationCode" type="text" inputmode="numeric" autocomplete="one-time-code"></div>'
                f'<div class="buttons">{button(journey, "continue", "Verify code")}{button(journey, "cancel", "Cancel")}</div></form>')
    rows = "".join(row(journey, claim, about) for claim, about in displayed(profile, journey))
    if journey.combined:
        return (f'<div class="localAccount"><form id="localAccountForm">{ERRORS}<div class="entry"><ul>{rows}</ul></div>'
                f'<div class="buttons">{button(journey, "next", "Sign in")}</div></form><div class="create"><p>'
                f'{word(journey, "Don" + chr(39) + "t have an account?")} <a id="createAccount" href="{link(journey, "signup")}">{word(journey, "Sign up now")}</a></p></div></div>')
    buttons = button(journey, "continue", "Create" if "SignUp" in profile.name else "Continue") if meta.get("setting.showContinueButton", "true") == "true" else ""
    buttons += button(journey, "cancel", "Cancel") if meta.get("setting.showCancelButton", "true") == "true" else ""
    return f'<form id="attributeVerification">{ERRORS}<div id="attributeList" class="attr"><ul>{rows}</ul></div><div class="buttons">{buttons}</div></form>'


def link(journey, action):
    return html.escape(f"../../api/SelfAsserted/{action}?tx={journey.name}&csrf_token={journey.csrf}")


def as_json(value):
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def of_journey(journey, base):
    """The document of a page that waits. base: of this policy's addresses."""
    facts = {"load": journey.policy.pages[journey.page_name], "markup": markup(journey), "scripts": journey.policy.scripts,
             "settings": {"locale": {"lang": journey.language}, "csrf": journey.csrf, "transId": journey.name, "base": base}}
    return (HERE / "b2c.html").read_text(encoding="utf-8").replace("{{facts}}", as_json(facts))


def plain(name):
    return (HERE / name).read_text(encoding="utf-8")


def failed(text):
    return plain("failed.html").replace("{{text}}", html.escape(text))
