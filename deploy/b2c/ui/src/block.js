/* Says why it does not go on, and what to do: in the person's language where the reason is one that is known. */
page.begin(function () {
	'use strict';
	var codes = {
		link: ['This link belongs to another check', 'Dieser Link gehört zu einer anderen Prüfung',
			'It is older than the check that you have begun, or somebody else\'s. Please go back to the app and sign in again: you continue where you left off.',
			'Er ist älter als die Prüfung, die Sie begonnen haben, oder nicht Ihrer. Bitte gehen Sie zurück zur App und melden Sie sich noch einmal an: Sie machen weiter, wo Sie waren.'],
		risk: ['You cannot sign in right now', 'Sie können sich gerade nicht anmelden',
			'We could not make sure that it is you. Please try again later, or contact the support of the app that you came from.',
			'Wir konnten nicht sicherstellen, dass Sie es sind. Bitte versuchen Sie es später noch einmal, oder wenden Sie sich an den Kundendienst der App, von der Sie kommen.']
	};
	/* English text: title, German title, German text, whether it is not over yet */
	var reasons = {{reasons}};

	function show(en, de, text, german) {
		page.find('title').textContent = document.title = page.say(en, de);
		page.find('reason').textContent = page.say(text, german);
	}

	/* Looking again would change nothing: the way back is the one that is left. */
	function end() {
		page.whenThere('continue', function (button) { button.hidden = true; });
		page.whenThere('cancel', function (button) { button.classList.add('first'); });
	}

	page.label('cancel', 'Back to the app', 'Zurück zur App');
	page.label('continue', 'Look again', 'Noch einmal nachsehen');
	page.whenThere('blockCode', function (code) {
		var known = codes[page.value(code)];
		page.hide(code);
		if (known) {
			show(known[0], known[1], known[2], known[3]);
			end();
		}
		page.whenThere('blockMessage', function (message) {
			var text = page.value(message), reason = reasons[text];
			page.hide(message);
			if (known)
				return;
			if (reason) {
				show(reason[0], reason[1], text, reason[2]);
				document.querySelector('.card').classList.toggle('bad', !reason[3]);
				if (!reason[3])
					end();
			} else if (text) {
				page.find('reason').textContent = text;
			}
		});
	});
});
