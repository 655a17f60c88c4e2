"""Reads custom policies (XML) and puts a relying party's chain together: base first, each child adding to or replacing what
its parents say. Only what the playground's journeys need; what it does not know it names."""
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

NAMESPACE = "{http://schemas.microsoft.com/online/cpim/schemas/2013/06}"


class PolicyError(Exception):
    pass


def tag(element):
    return element.tag.removeprefix(NAMESPACE)


def at(element, path):
    """The elements at a path of plain names."""
    return element.findall("/".join(NAMESPACE + name for name in path.split("/")))


def text(element, name):
    found = element.find(NAMESPACE + name)
    return found.text.strip() if found is not None and found.text else None


def is_true(value):
    return (value or "").lower() == "true"


@dataclass
class Claim:
    """A reference to a claim in a list of inputs or outputs."""
    name: str
    partner: str
    default: str | None
    always: bool
    required: bool


@dataclass
class Precondition:
    kind: str
    values: list
    when: bool


@dataclass
class Step:
    order: int
    kind: str
    page: str | None
    issuer: str | None
    preconditions: list
    exchanges: dict     # id -> technical profile
    validations: list   # exchanges of a combined sign-in page


@dataclass
class Validation:
    profile: str
    goes_on: bool  # also after a failure
    preconditions: list


@dataclass
class Profile:
    name: str
    protocol: str = ""
    handler: str = ""
    meta: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)  # id -> storage reference
    lists: dict = field(default_factory=lambda: {kind: [] for kind in LISTS})
    input_changes: list = field(default_factory=list)
    output_changes: list = field(default_factory=list)
    validations: list = field(default_factory=list)

    def add(self, other):
        """other comes later and says more."""
        self.protocol, self.handler = other.protocol or self.protocol, other.handler or self.handler
        self.meta |= other.meta
        self.keys |= other.keys
        for kind, claims in other.lists.items():
            names = {claim.name.lower() for claim in claims}
            self.lists[kind] = [claim for claim in self.lists[kind] if claim.name.lower() not in names] + claims
        self.input_changes += other.input_changes
        self.output_changes += other.output_changes
        known = {validation.profile for validation in other.validations}
        self.validations = [one for one in self.validations if one.profile not in known] + other.validations


LISTS = {"InputClaims": "InputClaim", "OutputClaims": "OutputClaim", "DisplayClaims": "DisplayClaim", "PersistedClaims": "PersistedClaim"}


def claims_of(element, kind):
    return [Claim(one.get("ClaimTypeReferenceId"), one.get("PartnerClaimType") or one.get("ClaimTypeReferenceId"), one.get("DefaultValue"),
                  is_true(one.get("AlwaysUseDefaultValue")), is_true(one.get("Required")))
            for one in at(element, f"{kind}/{LISTS[kind]}") if one.get("ClaimTypeReferenceId")]


def preconditions_of(element):
    return [Precondition(one.get("Type"), [value.text or "" for value in at(one, "Value")], is_true(one.get("ExecuteActionsIf")))
            for one in at(element, "Preconditions/Precondition")]


def profile_of(element):
    protocol = element.find(NAMESPACE + "Protocol")
    profile = Profile(element.get("Id"))
    if protocol is not None:
        profile.protocol, profile.handler = protocol.get("Name"), (protocol.get("Handler") or "").split(",")[0].rpartition(".")[2]
    profile.meta = {item.get("Key"): (item.text or "").strip() for item in at(element, "Metadata/Item")}
    profile.keys = {key.get("Id"): key.get("StorageReferenceId") for key in at(element, "CryptographicKeys/Key")}
    profile.lists = {kind: claims_of(element, kind) for kind in LISTS}
    profile.input_changes = [one.get("ReferenceId") for one in at(element, "InputClaimsTransformations/InputClaimsTransformation")]
    profile.output_changes = [one.get("ReferenceId") for one in at(element, "OutputClaimsTransformations/OutputClaimsTransformation")]
    profile.validations = [Validation(one.get("ReferenceId"), is_true(one.get("ContinueOnError")), preconditions_of(one))
                           for one in at(element, "ValidationTechnicalProfiles/ValidationTechnicalProfile")]
    return profile


def step_of(element):
    selections = at(element, "ClaimsProviderSelections/ClaimsProviderSelection")
    return Step(int(element.get("Order")), element.get("Type"), element.get("ContentDefinitionReferenceId"),
                element.get("CpimIssuerTechnicalProfileReferenceId"), preconditions_of(element),
                {one.get("Id"): one.get("TechnicalProfileReferenceId") for one in at(element, "ClaimsExchanges/ClaimsExchange")},
                [one.get("ValidationClaimsExchangeId") for one in selections if one.get("ValidationClaimsExchangeId")])


@dataclass
class ClaimType:
    name: str
    label: str = ""
    kind: str = "string"
    help: str = ""
    shown_as: str | None = None  # UserInputType; None: never shown
    choices: list = field(default_factory=list)

    def add(self, element):
        self.label = text(element, "DisplayName") or self.label
        self.kind = text(element, "DataType") or self.kind
        self.help = text(element, "UserHelpText") or self.help
        self.shown_as = text(element, "UserInputType") or self.shown_as
        self.choices = [(one.get("Text"), one.get("Value")) for one in at(element, "Restriction/Enumeration")] or self.choices


class Policy:
    """A relying party's policy with everything that it builds on."""

    def __init__(self, chain):
        self.name = chain[-1].get("PolicyId")
        self.claims, self.changes, self.pages, self.own, self.includes, self.journeys = {}, {}, {}, {}, {}, {}
        for policy in chain:
            self.take(policy)
        party = chain[-1].find(NAMESPACE + "RelyingParty")
        if party is None:
            raise PolicyError(f"{self.name} is no relying party")
        self.journey = self.journeys[at(party, "DefaultUserJourney")[0].get("ReferenceId")]
        self.party = profile_of(at(party, "TechnicalProfile")[0])
        self.scripts = text(party, "UserJourneyBehaviors/" + NAMESPACE + "ScriptExecution") == "Allow"

    def take(self, policy):
        for one in at(policy, "BuildingBlocks/ClaimsSchema/ClaimType"):
            self.claims.setdefault(one.get("Id").lower(), ClaimType(one.get("Id"))).add(one)
        for one in at(policy, "BuildingBlocks/ClaimsTransformations/ClaimsTransformation"):
            self.changes[one.get("Id")] = one
        for one in at(policy, "BuildingBlocks/ContentDefinitions/ContentDefinition"):
            self.pages[one.get("Id")] = text(one, "LoadUri")
        for one in at(policy, "ClaimsProviders/ClaimsProvider/TechnicalProfiles/TechnicalProfile"):
            self.own.setdefault(one.get("Id"), Profile(one.get("Id"))).add(profile_of(one))
            for included in at(one, "IncludeTechnicalProfile"):
                self.includes[one.get("Id")] = included.get("ReferenceId")
        for one in at(policy, "UserJourneys/UserJourney"):
            steps = sorted((step_of(step) for step in at(one, "OrchestrationSteps/OrchestrationStep")), key=lambda step: step.order)
            self.journeys[one.get("Id")] = steps

    def profile(self, name):
        if name not in self.own:
            raise PolicyError(f"technical profile {name} does not exist")
        whole = Profile(name)
        if name in self.includes:
            whole.add(self.profile(self.includes[name]))
        whole.add(self.own[name])
        return whole

    def claim(self, name):
        return self.claims.get(name.lower())


def load(folders):
    """All relying parties in the folders' *.xml, by their ids in lower case."""
    every = {}
    for folder in folders:
        for path in sorted(Path(folder).glob("*.xml")):
            root = ElementTree.parse(path).getroot()
            every[root.get("PolicyId").lower()] = root
    found = {}
    for name, root in every.items():
        if root.find(NAMESPACE + "RelyingParty") is None:
            continue
        chain = [root]
        while (base := at(chain[0], "BasePolicy/PolicyId")):
            parent = every.get(base[0].text.strip().lower())
            if parent is None:
                raise PolicyError(f"{chain[0].get('PolicyId')} builds on {base[0].text.strip()}, which is not there")
            chain.insert(0, parent)
        found[name] = Policy(chain)
    return found
