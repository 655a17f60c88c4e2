/* The session of the behavioural check. Its id is set by a page before B2C's (window.verifydSession), or made here, and given to
   the collector (BioCatch's own script, where the page has it). It goes into a claim that nobody sees. Without a collector, or
   without this, the policy asks for a second factor: nothing here may keep a person from signing in. */
(function () {
	'use strict';
	var KEY = 'verifyd-session';

	function random() {
		var bytes = window.crypto.getRandomValues(new Uint8Array(16));
		return Array.prototype.map.call(bytes, function (byte) { return ('0' + byte.toString(16)).slice(-2); }).join('');
	}

	/* One session in this tab, also over reloads. */
	function session() {
		var id = window.verifydSession;
		try {
			id = id || sessionStorage.getItem(KEY) || random();
			sessionStorage.setItem(KEY, id);
		} catch (error) {
			id = id || random();
		}
		return String(id).slice(0, 200);
	}

	/* The collector may come later than this page: looked for ten times a second, for a minute. */
	function tell(id, tries) {
		if (window.cdApi && window.cdApi.setCustomerSessionId)
			window.cdApi.setCustomerSessionId(id);
		else if (tries > 0)
			setTimeout(function () { tell(id, tries - 1); }, 100);
	}

	var id;
	try {
		id = session();
		tell(id, 600);
	} catch (error) {
		id = ''; /* the policy knows what to do */
	}
	page.whenThere('clientSessionId', function (field) {
		field.value = field.value || id; /* an app that began the session itself has said so */
		page.hide(field);
	});
})();
