/* What every page's script uses: the language, and waiting for B2C to have written its part. B2C fetches a page in the browser
   and fills #api at its own time, before or after this runs. */
var page = (function () {
	'use strict';
	var lang = 'en', settings = window.SETTINGS || {};

	function known(wish) {
		return /^de\b/i.test(wish) ? 'de' : 'en';
	}

	/* One of two texts. */
	function say(en, de) {
		return lang === 'de' ? de : en;
	}

	/* Texts stand in the page in English; data-de holds the German. */
	function translate(wish) {
		lang = known(wish);
		document.documentElement.lang = lang;
		Array.prototype.forEach.call(document.querySelectorAll('[data-de]'), function (element) {
			if (!element.hasAttribute('data-en'))
				element.setAttribute('data-en', element.textContent);
			element.textContent = element.getAttribute('data-' + lang);
		});
	}

	/* Calls found once, when look() has something: now, or when B2C has written it. */
	function when(look, found) {
		var thing = look(), observer;
		if (thing) {
			found(thing);
			return;
		}
		observer = new MutationObserver(function () {
			thing = look();
			if (thing) {
				observer.disconnect();
				found(thing);
			}
		});
		observer.observe(document.documentElement, {childList: true, subtree: true});
	}

	function find(id) {
		return document.getElementById(id);
	}

	function whenThere(id, found) {
		when(function () { return find(id); }, found);
	}

	/* A claim that is for the script and not for the person: its whole row goes. */
	function hide(element) {
		var row = element.closest('#api li') || element.closest('#api .attrEntry') || element;
		row.hidden = true;
	}

	/* A claim's value, wherever B2C put it: into a field, or into a paragraph. */
	function value(element) {
		return String('value' in element && element.tagName !== 'LI' ? element.value : element.textContent).trim();
	}

	/* A button's words; B2C's own may be in another language than the page. */
	function label(id, en, de) {
		whenThere(id, function (button) { button.textContent = say(en, de); });
	}

	/* What the policies' own refusals say, in German: B2C has them in English. */
	var refusals = {
		'This is not possible right now. Please try again in a moment.': 'Das geht gerade nicht. Bitte versuchen Sie es in einem Moment noch einmal.',
		'This takes longer than usual. Please try again in a moment.': 'Das dauert länger als sonst. Bitte versuchen Sie es in einem Moment noch einmal.',
		'Your identity has not been confirmed.': 'Ihre Identität ist nicht bestätigt.',
		'Your identity has not been confirmed yet.': 'Ihre Identität ist noch nicht bestätigt.',
		'Please sign in again.': 'Bitte melden Sie sich noch einmal an.',
		'You cannot sign in right now.': 'Sie können sich gerade nicht anmelden.'
	};

	function translateRefusals() {
		Array.prototype.forEach.call(document.querySelectorAll('#api .error, #api .error p'), function (error) {
			var text = !error.children.length && refusals[error.textContent.trim()];
			if (text && lang === 'de')
				error.textContent = text;
		});
	}

	/* What B2C itself says on the page, if it refused to go on. */
	function refusal() {
		return Array.prototype.filter.call(document.querySelectorAll('#api .error'), function (error) {
			return error.textContent.trim() && error.offsetParent;
		})[0];
	}

	/* https, or http on this machine: an address that a page may lead to or ask. */
	function safe(address) {
		return /^https:\/\/[^\s]+$/i.test(address) || /^http:\/\/(127\.0\.0\.1|localhost)(:\d+)?\/[^\s]*$/i.test(address);
	}

	/* B2C says its language late, in a claim, or at once, in its settings; else it is the browser's. */
	document.documentElement.classList.add('js');
	translate((settings.locale && settings.locale.lang) || navigator.language || 'en');

	new MutationObserver(translateRefusals).observe(document.documentElement, {childList: true, characterData: true, subtree: true});

	/* Calls start when the page's language is certain. */
	function begin(start) {
		when(function () { return find('pageLanguage') || document.querySelector('#api button'); }, function () {
			var language = find('pageLanguage');
			if (language) {
				translate(value(language));
				hide(language);
			}
			start();
		});
	}

	return {begin: begin, find: find, hide: hide, label: label, refusal: refusal, safe: safe, say: say, value: value, when: when,
		whenThere: whenThere};
})();
