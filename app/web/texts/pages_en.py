"""The pages that only tell something, in English: help, privacy, about."""

from __future__ import annotations

from app.web.texts.page import PageText, Section

PAGES = {
    "help": PageText(
        title="Help",
        lead="How to report a problem, and what happens then.",
        sections=(
            Section(
                "Report a problem",
                (
                    "Take a photo of it, say where it is, and send. Choosing what it is and adding a few words "
                    "help, but you can leave them out."
                ),
                "You need no account.",
            ),
            Section(
                "Say where it is",
                (
                    "A photo often carries its position. If it does not, tap “Use my position”, or type "
                    "longitude and latitude."
                ),
                "Places outside {city} are refused.",
            ),
            Section(
                "Somebody else reported it",
                (
                    "If something similar was reported nearby, you are asked whether it is the same. If it is, "
                    "your report joins it and you hear of the same steps."
                ),
            ),
            Section(
                "Follow your report",
                (
                    "After sending you get a number and a page of your own. Keep its link: whoever has the link "
                    "can see your report and answer for you."
                ),
                (
                    "If you leave an e-mail address or a phone number, we first ask there whether it is yours. "
                    "Only after you confirm do we tell you of each step."
                ),
            ),
            Section(
                "When it is fixed",
                "You are asked whether it really is. If nobody objects within {silent_days} days, it is closed.",
                "For {rating_days} days after closing you can still say that it is not fixed, or rate the repair.",
            ),
            Section(
                "Stop messages",
                (
                    "Each message has a link that ends it. The page of your report lists your addresses and ends "
                    "them one by one."
                ),
            ),
            Section(
                "If somebody is in danger",
                "Do not wait for us: call the emergency services first.",
            ),
        ),
    ),
    "privacy": PageText(
        title="Privacy",
        lead="What we keep, who sees it, and for how long.",
        sections=(
            Section(
                "What you give us",
                (
                    "Your photos, the place, what it is, and your words. An e-mail address or phone number only "
                    "if you want to hear from us. You need no account, and we do not ask for your name."
                ),
            ),
            Section(
                "What everybody sees",
                (
                    "The map shows what was reported, where, the steps of the work and the unit that does it. It "
                    "never shows who reported."
                ),
                "Sensitive matters are shown in the middle of their block, without words or pictures.",
                "During the first hour the time of a report is shown to the hour.",
            ),
            Section(
                "Your photos",
                (
                    "A program looks for faces and number plates and makes them unrecognisable before anybody "
                    "else sees a photo. It misses some. Staff can cover more, or hide a photo."
                ),
                (
                    "You and the staff who work on the matter see the photo without covering. Pictures that we "
                    "show carry no position and no other data of the camera; the file that you sent is kept and "
                    "shown to nobody."
                ),
            ),
            Section(
                "Your words",
                (
                    "Everybody can read them if a filter finds no phone number, plate, number of papers, address "
                    "or name in them, or if staff released them. The filter makes mistakes: please write no "
                    "names and no numbers of people."
                ),
            ),
            Section(
                "Your address",
                (
                    "An e-mail address or phone number is stored encrypted, used only to tell you of your "
                    "report, and erased {contact_days} days after the work has ended."
                ),
            ),
            Section(
                "The link to your report",
                (
                    "It is a secret between you and us. Whoever has it can read your report and answer for you, "
                    "so share it with care. To show the matter to others, share its page on the map."
                ),
            ),
            Section(
                "Your device",
                (
                    "Our pages set no cookies for residents and load nothing from advertisers. Words that you "
                    "typed and could not send stay on your device until you send them."
                ),
                (
                    "To stop floods of reports we count requests of a network address for two minutes, under a "
                    "code from which nobody reads the address."
                ),
            ),
        ),
        map_host=(
            "The background of the map is loaded from {map_host}, which sees the network address of your device."
        ),
    ),
    "about": PageText(
        title="About",
        lead="Snap and report for {city}: tell what is broken, and follow it until it is fixed.",
        sections=(
            Section(
                "What it does",
                (
                    "A report becomes a work order. It goes to the unit that is responsible for this kind of "
                    "problem at this place, with a time limit that is shown to you."
                ),
                "If the unit says that it is fixed, you are asked. If a limit passes, the next level is told.",
            ),
            Section(
                "Open to everybody",
                (
                    "The map shows what is open and what was fixed. The same can be downloaded as open data, "
                    "read by feeds and asked for by programs."
                ),
            ),
            Section(
                "The map's boundaries",
                "{attribution}",
            ),
            Section(
                "The software",
                (
                    "The service is free software (Apache License 2.0). It works without scripts, in Chinese and "
                    "in English."
                ),
            ),
        ),
    ),
}
