/* Goes on by itself once the session's id is in its claim and B2C's own script is there; should that not work, the button is
   the person's after some seconds. */
page.begin(function () {
	'use strict';
	page.label('cancel', 'Back to the app', 'Zurück zur App');
	page.whenThere('continue', function (button) {
		button.textContent = page.say('Continue', 'Weiter');
		button.hidden = true;
		setTimeout(function () { button.hidden = false; }, 4000);
		function go() {
			setTimeout(function () { button.click(); }, 50);
		}
		if (document.readyState === 'complete')
			go();
		else
			window.addEventListener('load', go);
	});
});
