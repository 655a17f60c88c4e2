/* Says what the identity check is where the policy has one: then it asks for consent. */
page.begin(function () {
	'use strict';
	page.when(function () { return document.querySelector('#api [id^=identityCheckConsent]'); }, function () {
		page.find('check').hidden = false;
	});
});
