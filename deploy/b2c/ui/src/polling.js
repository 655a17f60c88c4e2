/* Waits for the verdict: asks, held by the service for up to 20 s each time, and after failures ever less often. With a verdict
   the page goes on by itself. Without one it says after a minute that the person need not stay, with a button that ends the
   wait; after a quarter of an hour it presses that button itself. Every way from here goes through B2C, which decides anew. */
page.begin(function () {
	'use strict';
	var HELD_S = 20, ANSWER_MS = 30000, LONG_MS = 60000, END_MS = 15 * 60000, LEAST_MS = 500, UNHELD_MS = 3000, MOST_MS = 30000;
	var began = Date.now(), fails = 0, over = false, asked = 0, token, address, go;

	/* One of the page's texts, read out by a screen reader when it changes. */
	function tell(id) {
		var text = page.find(id), news = page.find('news');
		if (news.textContent !== text.textContent)
			news.textContent = text.textContent;
	}

	function waiting() {
		var long = Date.now() - began >= LONG_MS;
		tell(long ? 'long' : 'asking');
		go.hidden = !long;
	}

	/* B2C may refuse to go on, and says why: then the button is the person's. */
	function reopen() {
		go.textContent = page.say('Try again', 'Noch einmal versuchen');
		go.hidden = false;
		page.find('itself').hidden = true;
		tell('refused');
	}

	function finish() {
		if (over)
			return;
		over = true;
		tell('ready');
		go.hidden = true;
		go.click();
		setInterval(function () {
			if (go.hidden && page.refusal())
				reopen();
		}, 500);
	}

	function later(ms) {
		setTimeout(ask, ms * (0.8 + Math.random() * 0.4));
	}

	function failed() {
		if (navigator.onLine === false || fails > 1)
			tell('offline');
		later(Math.min(MOST_MS, 1000 * Math.pow(2, fails++)));
	}

	/* The last token is the one that B2C checks. */
	function answered(answer) {
		if (answer.verificationToken)
			token.value = answer.verificationToken;
		if (answer.status === 'SUCCESS' || answer.status === 'FAILED') {
			finish();
			return;
		}
		fails = 0;
		waiting();
		later(Date.now() - asked > 2000 ? LEAST_MS : UNHELD_MS);
	}

	function ask() {
		if (over)
			return;
		var gone = window.AbortController ? new AbortController() : null;
		var timer = setTimeout(function () { if (gone) gone.abort(); }, ANSWER_MS);
		asked = Date.now();
		fetch(address, {
			method: 'POST', cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer', signal: gone ? gone.signal : undefined,
			headers: {'Content-Type': 'application/json', 'Prefer': 'wait=' + HELD_S},
			body: JSON.stringify({verificationToken: page.value(token)})
		}).then(function (reply) {
			if (!reply.ok)
				throw new Error('status ' + reply.status);
			return reply.json();
		}).then(function (answer) {
			clearTimeout(timer);
			answered(answer);
		}, function () {
			clearTimeout(timer);
			if (!over)
				failed();
		});
	}

	function start() {
		page.hide(token);
		page.hide(page.find('pollUrl'));
		address = page.value(page.find('pollUrl'));
		go.hidden = true;
		go.textContent = page.say('Do not wait any longer', 'Nicht länger warten');
		setTimeout(function () { if (!over) waiting(); }, LONG_MS);
		setTimeout(finish, END_MS);
		if (!window.fetch || !page.safe(address)) {
			began -= LONG_MS;
			waiting();
			return;
		}
		waiting();
		ask();
	}

	page.label('cancel', 'Back to the app', 'Zurück zur App');
	page.when(function () {
		token = page.find('verificationToken');
		go = page.find('continue');
		return token && go && page.find('pollUrl');
	}, start);
});
