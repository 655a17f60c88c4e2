/* Sends the person on to the check. The address is a claim; there is a link as well, for whoever comes back by the browser's
   button or is held up on the way. Without an address the page says so. */
page.begin(function () {
	'use strict';
	page.label('cancel', 'Back to the app', 'Zurück zur App');
	page.whenThere('redirectUrl', function (claim) {
		var address = page.value(claim), link = page.find('go');
		page.hide(claim);
		if (!page.safe(address)) {
			page.find('going').hidden = true;
			page.find('broken').hidden = false;
			page.find('title').textContent = document.title = page.say('That did not work', 'Das hat nicht geklappt');
			page.whenThere('cancel', function (button) { button.classList.add('first'); });
			return;
		}
		link.href = address;
		link.hidden = false;
		location.assign(address);
	});
});
