/* The panel: switches, and once a second what happened. */
(function () {
	'use strict';
	var SWITCHES = {
		score: [['LOW', 87], ['MEDIUM', 600], ['HIGH', 900], ['nothing: it is down', null]],
		pending: [['soon', 0], ['when it has been asked three times', 3]],
		down: [['yes', false], ['no', true]]
	};
	var shown = '';

	function find(id) {
		return document.getElementById(id);
	}

	function element(name, className, text) {
		var made = document.createElement(name);
		made.className = className;
		made.textContent = text;
		return made;
	}

	function set(name, value) {
		return fetch('/panel/settings', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({name: name, value: value})}).then(look);
	}

	function draw_switches(settings) {
		Object.keys(SWITCHES).forEach(function (name) {
			var place = find(name);
			SWITCHES[name].forEach(function (choice, i) {
				var button = place.children[i] || place.appendChild(element('button', '', choice[0]));
				button.setAttribute('aria-pressed', String(settings[name] === choice[1]));
				button.onclick = function () { set(name, choice[1]); };
			});
		});
	}

	function draw_events(events) {
		var list = find('events');
		list.textContent = '';
		events.slice().reverse().forEach(function (event) {
			var item = element('li', '', '');
			item.appendChild(element('span', 'took', new Date(event.at).toLocaleTimeString() + ' '));
			item.appendChild(element('span', 'way', event.from + ' → ' + event.to + ' '));
			item.appendChild(element('code', '', event.what));
			if (event.took_ms !== null)
				item.appendChild(element('span', 'took', ' ' + event.took_ms + ' ms'));
			if (event.detail)
				item.appendChild(element('pre', '', event.detail));
			list.appendChild(item);
		});
	}

	function draw_stored(stored) {
		var place = find('verifications');
		if (!stored.length)
			return;
		place.textContent = '';
		stored.forEach(function (one) {
			place.appendChild(element('h3', '', one.id));
			place.appendChild(element('pre', '', one.story));
			Object.keys(one.keys).sort().forEach(function (key) {
				var more = document.createElement('details');
				more.appendChild(element('summary', '', 'Redis: ' + key + ' (' + one.keys[key].ttl_s + ' s)'));
				more.appendChild(element('pre', '', one.keys[key].value));
				place.appendChild(more);
			});
		});
	}

	function look() {
		return fetch('/panel.json', {cache: 'no-store'}).then(function (reply) {
			return reply.text();
		}).then(function (text) {
			if (text === shown)
				return;
			shown = text;
			var news = JSON.parse(text), open = document.querySelector('#verifications details[open]');
			draw_switches(news.settings);
			draw_events(news.events);
			if (!open)
				draw_stored(news.stored);
		}).catch(function () {});
	}

	look();
	setInterval(look, 2000);
})();
