/* The words beside the box of the consent, in the page's language: B2C has them in the policy's. */
page.begin(function () {
	'use strict';
	var german = {
		'I agree that my document and my picture are checked': 'Ich bin einverstanden, dass mein Ausweis und mein Bild geprüft werden',
		'I agree': 'Einverstanden', 'Without your consent we cannot check your identity.': 'Ohne Ihre Einwilligung können wir Ihre Identität nicht prüfen.'
	};
	page.label('cancel', 'Back to the app', 'Zurück zur App');
	page.label('continue', 'Continue', 'Weiter');
	page.whenThere('api', function (api) {
		page.when(function () { return api.querySelector('[id^=identityCheckConsent]'); }, function () {
			Array.prototype.forEach.call(api.querySelectorAll('label, legend, .helpText, span'), function (element) {
				var text = german[element.textContent.trim()];
				if (text && !element.children.length)
					element.textContent = page.say(element.textContent.trim(), text);
			});
		});
	});
});
